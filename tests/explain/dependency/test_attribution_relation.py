import numpy as np
import pytest
from torch import Tensor

from posescope.errors import InputError
from posescope.explain.attribution import build_method
from posescope.explain.dependency.attribution_relation import attribution_between_joints, relation_method
from posescope.explain.dependency.people import LabelledPeople
from tests.explain.attribution.known_look import LEFT_WRIST, NOSE, PATCH, SPOT, LookingBackbone, looking
from tests.explain.small_models import HEIGHT, WIDTH, function

KNEE = 13


def labelled(inputs: Tensor) -> LabelledPeople:
    """The knee's label is in the middle of the patch, and others in the corner that all but the wrist look at."""
    count = len(inputs)
    truth = np.full((count, 17, 2), 8.0)
    truth[:, KNEE] = (PATCH[1].start + 8, PATCH[0].start + 8)
    truth[1, NOSE] = np.nan
    whole = np.tile([0.0, 0.0, WIDTH - 1, HEIGHT - 1], (count, 1))
    return LabelledPeople(inputs, truth, np.ones((count, 17), bool), np.full(count, 900.0), np.arange(count), whole)


def share_around(inputs: Tensor, place: np.ndarray) -> float:
    """RI of input times gradient, from its definition: the wrist's map is the patch's pixels, weighed alike."""
    pixels = inputs.double().sum(0).numpy()
    seen = np.zeros_like(pixels)
    seen[PATCH] = pixels[PATCH] / pixels[PATCH].sum()
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    around = np.exp(-((columns - place[0]) ** 2 + (rows - place[1]) ** 2) / (2 * (HEIGHT / 32) ** 2))
    return (seen * around).sum() * pixels.size / around.sum()


def test_what_the_wrist_looks_at() -> None:
    made, inputs, _ = looking(LookingBackbone())
    some = labelled(inputs)
    found = attribution_between_joints(made, some, 'input_x_gradient', batch_size=1)
    assert found.shape == (2, 17, 17)
    for person in range(2):
        expected = share_around(inputs[person], some.truth[person, KNEE])
        assert expected > 20
        assert found[person, LEFT_WRIST, KNEE] == pytest.approx(expected, rel=1e-4)
        assert found[person, LEFT_WRIST, LEFT_WRIST] == pytest.approx(0, abs=1e-6)  # its label is in the corner
        assert found[person, NOSE, KNEE] == pytest.approx(0, abs=1e-6)
        assert found[person, NOSE, KNEE + 1] > 1
    assert np.isnan(found[1, :, NOSE]).all()
    assert np.isfinite(found[0]).all()
    assert SPOT[0].stop <= PATCH[0].start


def test_by_itself_it_takes_what_explains_a_model_where_nothing_is_named() -> None:
    assert relation_method(function('resnet')).name == 'hirescam'
    assert relation_method(function('resnet')).layer == 'backbone.layer3'  # type: ignore[attr-defined]
    own = build_method('saliency')
    assert relation_method(function('resnet'), own) is own


def test_batches_change_nothing() -> None:
    made, inputs, _ = looking(LookingBackbone())
    one, two = (attribution_between_joints(made, labelled(inputs), 'saliency', batch_size=size) for size in (1, 2))
    np.testing.assert_allclose(one, two, rtol=1e-5)
    nobody = labelled(inputs).take(np.zeros(2, bool))
    assert attribution_between_joints(made, nobody, 'saliency').shape == (0, 17, 17)


def test_refusals() -> None:
    with pytest.raises(InputError, match='nearest: saliency'):
        relation_method(function('resnet'), 'salience')
