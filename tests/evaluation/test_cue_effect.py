"""Planted truths: predictions that follow the cue by a known share."""

import numpy as np
import pytest

from posescope.evaluation.cue_effect import cue_effect

META = {'flip_indices': [0, 2, 1], 'keypoint_id2name': {0: 'nose', 1: 'left_wrist', 2: 'right_wrist'}}
RNG = np.random.default_rng(3)
COUNT = 400
TRUTHS = np.concatenate([RNG.uniform(0, 200, (COUNT, 3, 2)), np.full((COUNT, 3, 1), 2.0)], axis=-1)
AREAS = RNG.uniform(1000, 20000, COUNT)
IMAGES = np.arange(COUNT)


def following(share: float, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Predictions with the cue left, right: on the own place, and ``share`` of the way to the mirror's."""
    own = TRUTHS[..., :2]
    way = own[:, [0, 2, 1]] - own
    shake = noise * RNG.normal(size=(2, *own.shape))
    return own + shake[0], own + share * way + shake[1]


@pytest.mark.parametrize('share', [0.0, 0.3, 1.0])
def test_a_planted_share_is_found(share: float) -> None:
    effects = cue_effect(*following(share), TRUTHS, AREAS, IMAGES, META)
    assert [one.joint for one in effects] == ['left_wrist', 'right_wrist']
    for one in effects:
        assert one.follow == pytest.approx(share, abs=1e-9)
        assert one.low == pytest.approx(share, abs=1e-9)


def test_the_interval_covers_the_share() -> None:
    """200 noisy repetitions: with a coverage of .95 fewer than 180 cover once in 860 times."""
    covered = 0
    for _ in range(100):
        for one in cue_effect(*following(0.2, noise=30.0), TRUTHS, AREAS, IMAGES, META):
            covered += one.low <= 0.2 <= one.high
    assert covered >= 180


def test_only_visible_pairs_that_are_apart_count() -> None:
    truths = TRUTHS.copy()
    truths[:100, 1, 2] = 1
    truths[100:150, 2, :2] = truths[100:150, 1, :2] + 0.05 * np.sqrt(AREAS[100:150, None])
    left, right = following(0.5)
    right[:100] += 1000.0
    for one in cue_effect(left, right, truths, AREAS, IMAGES, META):
        assert one.people <= COUNT - 150
        assert one.follow == pytest.approx(0.5, abs=1e-9)


def test_pictures_are_the_unit() -> None:
    """Ten copies of every person in the same picture leave the interval as wide as it was."""
    left, right = following(0.2, noise=30.0)
    once = cue_effect(left, right, TRUTHS, AREAS, IMAGES, META)[0]
    many = cue_effect(*(np.repeat(part, 10, axis=0) for part in (left, right, TRUTHS, AREAS, IMAGES)), META)[0]
    assert many.high - many.low == pytest.approx(once.high - once.low, rel=1e-9)


def test_nobody_visible() -> None:
    truths = TRUTHS.copy()
    truths[..., 2] = 1
    assert cue_effect(*following(0.5), truths, AREAS, IMAGES, META) == []


def test_few_pictures_have_no_interval() -> None:
    left, right = following(0.3)
    for one in cue_effect(left, right, TRUTHS, AREAS, np.arange(COUNT) % 49, META):
        assert one.follow == pytest.approx(0.3, abs=1e-9)
        assert (one.low, one.high) == (None, None)
