import pytest
import torch

from posescope.errors import InputError
from posescope.explain.attribution.rise import RISE, RandomMasks
from tests.explain.attribution.explained import JOINTS, THREE_KINDS, assert_close, explained

MASKS = 6


@pytest.mark.parametrize('name', THREE_KINDS)
def test_equals_the_sum_mask_by_mask(name: str) -> None:
    made, inputs, bound = explained(name)
    found = RISE(batch_size=4, masks=MASKS, cells=3, seed=2).attribute(made, inputs, bound, JOINTS)
    masks = RandomMasks((128, 96), MASKS, 3, 0.5, 2)[:]
    with torch.no_grad():
        scores = torch.stack([bound.score(made(inputs * mask))[:, JOINTS] for mask in masks])
    weighted = sum(score[..., None, None] * mask for score, mask in zip(scores, masks, strict=True))
    assert isinstance(weighted, torch.Tensor)
    seen = masks.sum(0)
    expected = torch.where(seen > 0, weighted / seen - scores.mean(0)[..., None, None], 0.0)
    assert_close(found, expected)


def test_masks_are_smooth_and_see_their_share() -> None:
    masks = RandomMasks((64, 48), 400, 6, 0.3, 0)[:]
    assert masks.shape == (400, 64, 48)
    assert masks.min() >= 0
    assert masks.max() <= 1
    assert all(masks.diff(dim=axis).abs().max() <= 1 / 8 + 1e-5 for axis in (1, 2))  # cells of 8 pixels
    # 400 masks of 0.3 of cells: a pixel's mean has a standard error of at most 0.023
    assert (masks.mean(0) - 0.3).abs().max() < 0.1
    assert abs(float(masks.mean()) - 0.3) < 0.01


def test_a_slice_is_the_same_masks() -> None:
    drawn = RandomMasks((64, 48), 5, 6, 0.5, 1)
    assert torch.equal(drawn[2:4], drawn[:][2:4])


def test_a_share_outside_of_0_to_1_is_refused() -> None:
    with pytest.raises(InputError, match='seen=1'):
        RISE(seen=1)
