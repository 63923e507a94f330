"""Suppression for all images at once against MMPose's, image by image."""

import numpy as np
import pytest
from mmpose.evaluation.functional import oks_nms as mmpose_oks_nms

from posescope.evaluation.suppression import oks_nms

THRESHOLDS = (0.9, 0.95, 0.7, 0.5, 0.2, 0.05, 0.0, 1.0)


def draw(generator: np.random.Generator, joints: int, precision: type) -> dict[str, np.ndarray]:
    """Detections on 12 images around few people, so that similarities take all values; some with equal scores."""
    image = np.sort(generator.integers(12, size=150))
    centres = generator.uniform(0, 300, (5, joints, 2))
    spread = generator.choice([0, 0.3, 1, 2, 4, 8, 40], 150)[:, None, None]
    # A joint or two far off, as of a detector that loses a hand: what a few joints tell must not mislead.
    lost = (generator.random((150, joints, 1)) < 0.1) * generator.uniform(50, 400, (150, joints, 2))
    places = centres[generator.integers(5, size=150)] + generator.normal(size=(150, joints, 2)) * spread + lost
    return {
        'image': image,
        'keypoints': places.astype(precision),
        'areas': generator.choice([900, 2500, 2500, 8000], 150).astype(precision),
        'scores': generator.choice(np.linspace(0, 1, 40), 150).astype(precision),
        'sigmas': generator.uniform(0.02, 0.12, joints).astype(np.float32),
    }


@pytest.mark.parametrize('threshold', THRESHOLDS)
@pytest.mark.parametrize('joints', [1, 4, 17, 20])
def test_keeps_whom_mmpose_keeps(joints: int, threshold: float) -> None:
    left_out = 0
    for seed in range(6):
        case = draw(np.random.default_rng(seed), joints, (np.float32, np.float64)[seed % 2])
        expected = []
        for image in np.unique(case['image']):
            rows = np.flatnonzero(case['image'] == image)
            people = [
                {
                    'keypoints': np.append(case['keypoints'][row], np.ones((joints, 1), case['keypoints'].dtype), 1),
                    'area': case['areas'][row],
                    'score': case['scores'][row],
                }
                for row in rows
            ]
            expected += rows[mmpose_oks_nms(people, threshold, case['sigmas'])].tolist()
        kept = oks_nms(**case, threshold=threshold)
        assert kept.tolist() == expected
        left_out += 150 - len(kept)
    assert (left_out > 0) == (threshold < 1)


def test_joints_that_tell_may_not_decide_alone() -> None:
    # 10 joints, OKS of exactly .8 with two joints far away and the rest equal: kept at .8, dropped just below.
    places = np.zeros((2, 10, 2))
    places[1, :2] = 1e4
    case = (np.zeros(2, np.int64), places, np.full(2, 100.0), np.array([1.0, 0.5]), np.full(10, 0.05))
    assert oks_nms(*case, threshold=0.8).tolist() == [0, 1]
    assert oks_nms(*case, threshold=0.7999).tolist() == [0]


def test_nobody_is_left_of_nobody() -> None:
    nobody = np.zeros(0)
    assert oks_nms(nobody.astype(int), np.zeros((0, 4, 2)), nobody, nobody, np.ones(4), 0.9).shape == (0,)
