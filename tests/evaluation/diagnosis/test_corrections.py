import numpy as np
import pytest

from posescope.evaluation.diagnosis.corrections import CORRECTABLE, corrected_places, moved, moves
from posescope.evaluation.diagnosis.error_classes import ErrorClass, classify
from posescope.evaluation.diagnosis.rematching import average_precision, rematch
from posescope.evaluation.matching import match
from posescope.evaluation.oks import ks
from tests.evaluation.diagnosis.planted import FLIP, SIGMAS, detections_at, distance, people_at, random_scene

SELF = np.array([[0.0, 0.0], [20.0, 0.0], [40.0, 0.0]])


@pytest.mark.parametrize(
    ('legacy', 'miss', 'jitter'), [(False, 0.5, 0.85), (True, 0.5**0.25, 0.85**0.25), (True, 0.841, 0.960)]
)
def test_where_a_miss_and_a_jitter_land(legacy: bool, miss: float, jitter: float) -> None:
    """The published code takes σ for 2σ, so a similarity is the fourth root of what it should be."""
    places = np.add(SELF, [[0, 0], [0, 15], [0, distance(0.6)]])
    people, detections = people_at([SELF], [100]), detections_at([places])
    errors = classify(people, detections, SIGMAS, FLIP, legacy=legacy)
    to = corrected_places(people, detections, errors, SIGMAS, legacy=legacy)
    found = ks(to, people.keypoints, people.areas, SIGMAS)[0]
    assert np.isnan(found[0])
    assert found[1:] == pytest.approx([miss, jitter], abs=1e-6 if miss != 0.841 else 1e-3)
    assert (found[1:] >= [miss, jitter]).all() or miss == 0.841  # rounding must not leave it below the bound
    # In the direction of the prediction, or, as published, along x.
    assert to[0, 1, 0 if not legacy else 1] == SELF[1, 0 if not legacy else 1]


def test_an_inversion_and_a_swap_keep_their_similarity() -> None:
    other = np.add(SELF, [0, 50])
    places = SELF.copy()
    places[1] = SELF[2] + [distance(0.7), 0]
    places[2] = other[2] + [distance(0.9), 0]
    people, detections = people_at([SELF, other], [100, 100], [0, 0]), detections_at([places, other], [0, 0])
    errors = classify(people, detections, SIGMAS, FLIP)
    assert errors.classes[0].tolist() == [ErrorClass.GOOD, ErrorClass.INVERSION, ErrorClass.SWAP]
    to = corrected_places(people, detections, errors, SIGMAS)
    assert ks(to, people.keypoints, people.areas, SIGMAS)[0, 1:] == pytest.approx([0.7, 0.9], abs=1e-6)


@pytest.mark.parametrize('seed', range(5))
def test_rematching_is_matching(seed: int) -> None:
    """Images on which nothing moved are not matched again, which must not show."""
    people, detections, sigmas, flip = random_scene(seed)
    errors = classify(people, detections, sigmas, flip)
    places = corrected_places(people, detections, errors, sigmas)
    base = match(people, detections, sigmas)
    for kinds, joint in ([CORRECTABLE, None], [[ErrorClass.MISS], 3], [[ErrorClass.SWAP], 0], [[], None]):
        to = moves(errors, places, kinds, joint)
        quick, whole = rematch(people, base, detections, to, sigmas), match(people, moved(detections, to), sigmas)
        for name in whole.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(quick, name), getattr(whole, name))
        assert average_precision(quick) == average_precision(whole)


@pytest.mark.parametrize('seed', range(3))
def test_corrections_never_lower_a_similarity(seed: int) -> None:
    people, detections, sigmas, flip = random_scene(seed)
    errors = classify(people, detections, sigmas, flip)
    places = corrected_places(people, detections, errors, sigmas)
    matched = errors.detection >= 0
    before = ks(detections.keypoints[errors.detection], people.keypoints, people.areas, sigmas)
    after = ks(places, people.keypoints, people.areas, sigmas)
    wrong = np.isfinite(after) & matched[:, None]
    assert wrong.sum() == np.isin(errors.classes, CORRECTABLE).sum()
    assert (after[wrong] >= before[wrong]).all()
