"""Calibration against closed forms, simulations and scikit-learn."""

import numpy as np
import pytest

from posescope.evaluation.calibration import (
    Calibration,
    Pairs,
    calibrate,
    calibrate_joints,
    instance_pairs,
    joint_pairs,
    recalibrate,
)
from posescope.evaluation.detections import detections_from_coco
from posescope.evaluation.people import people_from_coco


def simulate(images: int, each: int, seed: int = 0, together: float = 0.0) -> Pairs:
    """Calibrated scores: qualities are 0 or 1 with the score as probability, alike within an image if ``together``."""
    generator = np.random.default_rng(seed)
    scores = generator.uniform(0, 1, (images, each))
    threshold = np.where(
        generator.random((images, each)) < together, generator.random((images, 1)), generator.random((images, each))
    )
    image = np.repeat(np.arange(images), each)
    return Pairs(scores.ravel(), (threshold < scores).astype(float).ravel(), image)


def test_calibrated_scores() -> None:
    found = calibrate(simulate(2000, 10))
    assert found.slope == pytest.approx(1, abs=0.03)
    assert found.intercept == pytest.approx(0, abs=0.02)
    # Variance of a coin that shows s, on average over uniform s.
    assert found.brier == pytest.approx(1 / 6, abs=0.005)
    assert found.ece_noise is not None
    # In a bin about (i + ½)/10 that variance is s(1 - s).
    bins = (np.arange(10) + 0.5) / 10
    noise = np.sqrt(2 / np.pi) * np.mean(np.sqrt(bins * (1 - bins) / 2000))
    assert found.ece_noise == pytest.approx(noise, rel=0.1)
    assert 0.4 * noise < found.ece < 1.8 * noise
    assert [row.count for row in found.bins] == [2000] * 10


def test_a_known_curve() -> None:
    scores = (np.arange(100_000) + 0.5) / 100_000
    found = calibrate(Pairs(scores, scores**2, np.arange(100_000) % 40), bins=20)
    # q = s² over uniform s: covariance 1/12 and variance 1/12; E(s - s²)² = 1/30; E|s - s²| = 1/6.
    assert found.slope == pytest.approx(1, abs=1e-4)
    assert found.intercept == pytest.approx(-1 / 6, abs=1e-4)
    assert found.brier == pytest.approx(1 / 30, abs=1e-4)
    assert found.ece == pytest.approx(1 / 6, abs=1e-4)
    assert found.bins[3].low == pytest.approx(0.15, abs=1e-4)
    assert found.bins[3].quality == pytest.approx(np.mean(np.linspace(0.15, 0.2, 1000) ** 2), abs=1e-4)


def test_against_numpy() -> None:
    generator = np.random.default_rng(1)
    pairs = Pairs(generator.normal(0.5, 0.4, 500), generator.random(500), generator.integers(0, 60, 500))
    found = calibrate(pairs)
    slope, intercept = np.polyfit(pairs.scores, pairs.qualities, 1)
    assert found.slope == pytest.approx(slope)
    assert found.intercept == pytest.approx(intercept)
    assert found.brier == pytest.approx(np.mean((pairs.scores - pairs.qualities) ** 2))
    assert found.outside == ((pairs.scores < 0) | (pairs.scores > 1)).sum()
    groups = np.array_split(np.argsort(pairs.scores), 10)
    gaps = [abs(pairs.scores[group].mean() - pairs.qualities[group].mean()) for group in groups]
    assert found.ece == pytest.approx(np.mean(gaps))


def test_equal_scores() -> None:
    generator = np.random.default_rng(2)
    quality = generator.random(300)
    found = calibrate(Pairs(np.full(300, 0.9), quality, np.arange(300)))
    assert np.isnan(found.slope)
    assert found.slope_interval is None
    assert len(found.bins) == 1
    assert found.ece == pytest.approx(0.9 - quality.mean())
    assert found.brier_interval is not None


def test_equal_scores_are_never_parted() -> None:
    scores = np.repeat([0.2, 0.5, 0.9], [10, 80, 30])
    found = calibrate(Pairs(scores, np.tile([0.0, 1.0], 60), np.arange(120)))
    assert sorted(row.count for row in found.bins) == [10, 30, 80]
    assert [row.score for row in found.bins] == pytest.approx([0.2, 0.5, 0.9])


def test_intervals_know_that_an_image_is_one_draw() -> None:
    """95 % intervals of the slope and of a bin cover the truth although pairs of an image are alike."""
    slopes, bins = [], []
    for seed in range(150):
        found = calibrate(simulate(120, 8, seed, together=0.8), bins=5, resamples=300, seed=seed)
        assert found.slope_interval is not None
        slopes.append(found.slope_interval[0] <= 1 <= found.slope_interval[1])
        row = found.bins[2]
        assert row.interval is not None
        bins.append(row.interval[0] <= row.score <= row.interval[1])
    assert 0.88 <= np.mean(slopes) <= 0.99
    assert 0.88 <= np.mean(bins) <= 0.99


def test_few_images_have_no_interval() -> None:
    found = calibrate(simulate(49, 20))
    assert found.slope_interval is found.brier_interval is found.ece_noise is None
    assert all(row.interval is None for row in found.bins)
    assert calibrate(simulate(50, 20)).slope_interval is not None
    with pytest.raises(ValueError, match='at least one'):
        calibrate(simulate(0, 3))


def test_recalibration_is_isotonic_and_measured_elsewhere() -> None:
    isotonic = pytest.importorskip('sklearn.isotonic')
    pairs = simulate(400, 10)
    pairs = Pairs(np.round(np.sqrt(pairs.scores), 2), pairs.qualities, pairs.images)
    found = recalibrate(pairs)
    assert found is not None
    assert found.before.count + 2000 == found.after.count + 2000 == 4000
    assert found.before.ece > 0.1
    assert found.after.ece < 0.04
    # The half that it was fitted on, found by what is left.
    images = np.random.default_rng(0).permutation(400)[:200]
    chosen = np.isin(pairs.images, images)
    reference = isotonic.IsotonicRegression(out_of_bounds='clip').fit(pairs.scores[chosen], pairs.qualities[chosen])
    grid = np.linspace(0, 1, 101)
    np.testing.assert_allclose(found(grid), reference.predict(grid), atol=1e-12)
    assert recalibrate(simulate(1, 5)) is None


def content() -> dict:
    """Two people, one of whom lacks a joint, and a crowd; areas of 10,000 pixels²."""

    def person(identity: int, image: int, joints: list[float], crowd: int = 0) -> dict:
        return {'id': identity, 'image_id': image, 'category_id': 1, 'iscrowd': crowd, 'area': 1e4,
                'bbox': [0, 0, 100, 100], 'keypoints': joints}  # fmt: skip

    return {
        'images': [{'id': 4}, {'id': 9}],
        'categories': [{'id': 1}],
        'annotations': [
            person(1, 4, [10, 10, 2, 50, 50, 1]),
            person(2, 9, [20, 20, 2, 0, 0, 0]),
            person(3, 9, [0, 0, 0, 0, 0, 0], crowd=1),
        ],
    }


def test_who_is_compared_with_whom() -> None:
    people = people_from_coco(content())
    rows = [
        (4, [10, 10, 0.9, 60, 50, 0.4], 0.8),  # finds person 1, one joint 10 pixels off
        (4, [400, 400, 0.3, 400, 400, 0.2], 0.7),  # finds nobody
        (9, [20, 20, 0.6, 30, 30, 0.5], 0.6),  # finds person 2
        (9, [30, 60, 0.1, 60, 30, 0.1], 0.5),  # lies in the crowd: counts neither way
    ]
    detections = detections_from_coco(
        [{'image_id': i, 'category_id': 1, 'keypoints': k, 'score': s} for i, k, s in rows], people
    )
    sigmas = np.array([0.05, 0.05])
    off = np.exp(-100 / (2 * 1e4 * 0.1**2))
    pairs, joint = joint_pairs(people, detections, sigmas)
    assert sorted(zip(joint.tolist(), pairs.scores.tolist(), pairs.qualities.tolist(), strict=True)) == [
        (0, 0.6, 1.0), (0, 0.9, 1.0), (1, 0.4, pytest.approx(off)),
    ]  # fmt: skip
    pairs, detection = instance_pairs(people, detections, sigmas)
    assert detection.tolist() == [0, 1, 2]
    assert pairs.scores.tolist() == [0.8, 0.7, 0.6]
    assert pairs.qualities == pytest.approx([(1 + off) / 2, 0, 1])
    assert people.image_ids[pairs.images].tolist() == [4, 4, 9]


def test_joints_by_themselves() -> None:
    pairs = simulate(100, 4)
    joint = np.tile([0, 0, 2, 2], 100)
    found = calibrate_joints(pairs, joint, ['nose', 'tail', 'paw'], resamples=100)
    assert found['tail'] is None
    assert isinstance(found['paw'], Calibration)
    assert found['paw'].brier == calibrate(pairs[joint == 2], resamples=100).brier
