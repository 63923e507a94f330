"""Similarities of pairs against the formula, person by person."""

import numpy as np
import pytest

from posescope.evaluation import oks
from posescope.evaluation.detections import Detections
from posescope.evaluation.pair_oks import pair_similarities
from posescope.evaluation.people import People

SIGMAS = np.array([0.03, 0.05, 0.08, 0.1, 0.06])
DETECTION, PERSON = np.divmod(np.arange(720), 12)


def draw(seed: int) -> tuple[People, Detections]:
    """60 detections near 12 people; four of these, on purpose not side by side, have no labelled joint."""
    generator = np.random.default_rng(seed)
    truth = np.concatenate([generator.uniform(0, 60, (12, 5, 2)), generator.integers(0, 3, (12, 5, 1))], axis=-1)
    truth[:, 0, 2], truth[::3, :, 2] = 2, 0
    boxes = np.c_[generator.uniform(0, 40, (12, 2)), generator.uniform(3, 40, (12, 2))]
    nothing = np.zeros(12, np.int64)
    areas = generator.uniform(300, 2500, 12)
    unset = np.zeros(12, bool)
    people = People(nothing[:1], nothing[:1], nothing, nothing, nothing, truth, boxes, areas, unset, unset)
    places = truth[generator.integers(12, size=60)]
    places[..., :2] += generator.normal(size=(60, 5, 2)) * generator.choice([0.5, 3, 20], 60)[:, None, None]
    detections = Detections(np.zeros(60, np.int64), np.zeros(60, np.int64), places, np.ones(60), np.ones(60))
    return people, detections


def test_labelled_joints_and_boxes() -> None:
    people, detections = draw(0)
    found = pair_similarities(people, detections, DETECTION, PERSON, SIGMAS).reshape(60, 12)
    labelled = people.labelled.any(1)
    assert labelled.sum() == 8
    expected = oks(detections.keypoints[:, None, :, :2], people.keypoints[labelled], people.areas[labelled], SIGMAS)
    np.testing.assert_allclose(found[:, labelled], expected, rtol=0, atol=1e-12)
    for g in np.flatnonzero(~labelled):
        x, y, width, height = people.boxes[g]
        nearest = np.clip(detections.keypoints[..., :2], (x - width, y - height), (x + 2 * width, y + 2 * height))
        squared = ((detections.keypoints[..., :2] - nearest) ** 2).sum(-1)
        expected = np.exp(-squared / (2 * people.areas[g] * (2 * SIGMAS) ** 2)).mean(-1)
        np.testing.assert_allclose(found[:, g], expected, rtol=0, atol=1e-12)
    assert (found == 1).any()  # all joints within a box


@pytest.mark.parametrize('least', [0.1, 0.5, 0.95, 1.0])
def test_from_a_least_similarity_on_nothing_changes(least: float) -> None:
    skipped = 0
    for seed in range(5):
        people, detections = draw(seed)
        found, every = (
            pair_similarities(people, detections, DETECTION, PERSON, SIGMAS, value) for value in (least, 0.0)
        )
        high = every >= least
        assert 0 < high.sum() < len(PERSON)
        np.testing.assert_array_equal(found[high], every[high])  # to the last bit: it decides between people
        assert ((found[~high] == every[~high]) | (found[~high] == 0)).all()
        skipped += int(((found == 0) & (every > 0)).sum())
    assert skipped > len(PERSON)


def test_a_pair_exactly_at_the_least_similarity_is_kept() -> None:
    people, detections = draw(0)
    every = pair_similarities(people, detections, DETECTION, PERSON, SIGMAS)
    for pair in np.argsort(every)[::-40]:
        if every[pair] > 0:
            found = pair_similarities(people, detections, DETECTION[[pair]], PERSON[[pair]], SIGMAS, every[pair])
            assert found[0] == every[pair]
