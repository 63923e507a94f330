import json

import numpy as np
import pytest
from scipy import stats

from posescope.errors import InputError
from posescope.explain.units.responses import Responses, measure_responses
from posescope.explain.units.selectivity import Selectivity, summarise_responses
from tests.explain.dependency.planted_people import JOINTS, people
from tests.explain.units.planted_channels import CHANNEL_OF, SILENT, planted


def drawn(images: int = 80, per_image: int = 1, channels: int = 30) -> Responses:
    """Channel 4 responds to joint 1; no other responds to anything."""
    generator = np.random.default_rng(0)
    number = images * per_image
    auc = generator.uniform(0.3, 0.7, (number, channels, 2)).astype(np.float32)
    contrast = (auc - 0.5) * 2
    auc[:, 4, 1] += 0.25
    contrast[:, 4, 1] += 3
    variance = np.full((number, channels), 4.0, np.float32)
    return Responses('layer', ('nose', 'eye'), np.arange(number) // per_image, contrast, auc, variance)


def test_planted_channel() -> None:
    responses = drawn()
    found = summarise_responses(responses)
    np.testing.assert_allclose(found.auc, responses.auc.mean(0), atol=1e-6)
    assert found.serving('eye') == [4]
    assert found.standardised[4, 1] == pytest.approx(1.5, abs=0.05)  # a contrast of 3, a deviation of 2
    assert found.low[4, 1] < found.auc[4, 1] < found.high[4, 1]
    assert found.marked.sum() <= 2
    assert found.best_joint()[4] == 1


def test_p_is_students_over_images() -> None:
    responses = drawn(images=40, per_image=2)
    found = summarise_responses(responses)
    means = responses.auc.astype(np.float64).reshape(40, 2, 30, 2).mean(1)
    np.testing.assert_allclose(found.p, np.maximum(stats.ttest_1samp(means, 0.5).pvalue, 2.0**-39), rtol=1e-6)
    np.testing.assert_array_equal(found.marked.ravel(), stats.false_discovery_control(found.p.ravel()) <= 0.05)
    assert found.images.tolist() == [40, 40]
    assert np.isnan(found.low).all()  # fewer than 50


def test_few_images_that_agree_are_no_proof() -> None:
    auc = np.ones((4, 1, 1), np.float32)
    found = summarise_responses(Responses('layer', ('nose',), np.arange(4), auc, auc, auc[:, :, 0]))
    assert found.p[0, 0] == 2 * 0.5**4


def test_every_joints_channel_is_found() -> None:
    found = summarise_responses(measure_responses(planted(), people(12)), resamples=20)
    for joint in range(JOINTS):
        assert found.serving(found.joints[joint], 1) == [CHANNEL_OF[joint]]
    assert found.marked[CHANNEL_OF, range(JOINTS)].all()
    assert not found.marked[SILENT].any()
    assert np.isnan(found.standardised[SILENT]).all()


def test_json_and_names() -> None:
    found = summarise_responses(drawn(images=6), resamples=10)
    content = found.to_json()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content['low'][0] == [None, None]
    with pytest.raises(InputError, match='nearest: nose'):
        found.serving('noes')
    with pytest.raises(InputError, match='count=0'):
        found.serving('nose', 0)
    assert isinstance(found, Selectivity)
