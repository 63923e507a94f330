import numpy as np
import pytest

from posescope.evaluation.diagnosis.background import count_false
from posescope.evaluation.diagnosis.scoring import best_similarities, optimal_scores, scoring_errors
from posescope.evaluation.diagnosis.soft_suppression import suppress_softly
from posescope.evaluation.matching import match
from posescope.evaluation.oks import oks
from tests.evaluation.diagnosis.planted import SIGMAS, detections_at, distance, people_at, random_scene

SELF = np.array([[0.0, 0.0], [20.0, 0.0], [40.0, 0.0]])


def test_best_person_of_each_detection() -> None:
    people, detections, sigmas, _ = random_scene(0)
    best, whom = best_similarities(people, detections, sigmas)
    for row in range(len(detections)):
        members = np.flatnonzero((people.image == detections.image[row]) & ~people.ignored)
        similar = oks(detections.keypoints[row], people.keypoints[members], people.areas[members], sigmas)
        assert best[row] == pytest.approx(similar.max(initial=0), abs=1e-9)
        assert whom[row] == (members[similar.argmax()] if len(members) else -1)


def test_scoring_errors_doubles_and_background() -> None:
    """The better of two detections scores less; a third is about nobody; another person has one alone."""
    worse = np.add(SELF, [0, distance(0.6)])
    people = people_at([SELF, SELF, SELF], [100] * 3)
    detections = detections_at([worse, SELF, np.add(SELF, [0, 900]), SELF], [0, 0, 0, 1], [0.9, 0.8, 0.7, 0.6])
    best, whom = best_similarities(people, detections, SIGMAS)
    found = scoring_errors(detections, best, whom)
    assert (found.contested, found.wrong) == (1, 1)
    assert found.lost_oks == pytest.approx(0.4)
    right = scoring_errors(
        detections_at(detections.keypoints[..., :2], detections.image, [0.8, 0.9, 0.7, 0.6]), best, whom
    )
    assert (right.contested, right.wrong) == (1, 0)
    false = count_false(match(people, detections, SIGMAS, thresholds=np.array([0.1])), best)
    assert (false.background, false.doubles, false.false_negatives, false.people) == (1, 1, 1, 3)
    assert optimal_scores(people, detections, best, SIGMAS) == pytest.approx([0, 1, 0, 1])


def test_soft_suppression_in_plain_python() -> None:
    people, detections, sigmas, _ = random_scene(3)
    best, _ = best_similarities(people, detections, sigmas)
    expected = best.copy()
    variances = (2 * sigmas) ** 2
    for image in range(len(people.image_ids)):
        left = np.flatnonzero(detections.image == image).tolist()
        while left:
            top = max(left, key=lambda row: expected[row])
            left.remove(top)
            for row in left:
                area = sum(np.ptp(detections.keypoints[i, :, :2], axis=0).prod() for i in (top, row)) / 2
                squared = ((detections.keypoints[top, :, :2] - detections.keypoints[row, :, :2]) ** 2).sum(1)
                expected[row] *= np.exp(-(np.exp(-squared / variances / area / 2).mean() ** 2) / 0.5)
    assert suppress_softly(detections, best, sigmas) == pytest.approx(expected, abs=1e-12)
    assert len(suppress_softly(detections[:0], best[:0], sigmas)) == 0
