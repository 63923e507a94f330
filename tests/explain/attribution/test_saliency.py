import pytest
import torch
from captum.attr import Saliency as CaptumSaliency

from posescope.explain.attribution.saliency import Saliency
from tests.explain.attribution.explained import JOINTS, THREE_KINDS, assert_close, by_captum, explained


@pytest.mark.parametrize('absolute', [False, True])
@pytest.mark.parametrize('name', THREE_KINDS)
def test_equals_captum(name: str, absolute: bool) -> None:
    case = explained(name)
    expected = by_captum(CaptumSaliency, case, abs=absolute).sum(2)
    assert_close(Saliency(absolute=absolute).attribute(*case, JOINTS), expected)


def test_one_person_at_a_time_gives_the_same() -> None:
    case = explained('movenet')
    torch.testing.assert_close(Saliency(batch_size=1).attribute(*case, [3]), Saliency().attribute(*case, [3]))


@pytest.mark.parametrize('name', ['vit', 'rtmpose', 'hrnet', 'rle', 'categorical', 'stacked_hourglass'])
def test_every_joint_of_every_model_has_a_map(name: str) -> None:
    made, inputs, bound = explained(name)
    maps = Saliency().attribute(made, inputs, bound)
    assert maps.shape == (2, 17, *inputs.shape[2:])
    assert maps.dtype == torch.float32
    assert (maps.abs().amax((2, 3)) > 0).all()
    assert (maps[:, 0] != maps[:, 1]).any()
