import numpy as np
import pytest

from posescope.evaluation.average_precision import AveragePrecision
from posescope.evaluation.diagnosis.corrections import corrected_places, moved, moves
from posescope.evaluation.diagnosis.error_classes import ErrorClass, classify
from posescope.evaluation.diagnosis.headroom import Headroom, headroom, joint_headroom
from posescope.evaluation.matching import match
from tests.evaluation.diagnosis.planted import FLIP, SIGMAS, detections_at, people_at, random_scene

SELF = np.array([[0.0, 0.0], [20.0, 0.0], [40.0, 0.0]])
FAR = np.add(SELF, [0, 1000])


def evaluate(people, detections, sigmas=SIGMAS, flip=FLIP, *, legacy=False) -> Headroom:
    errors = classify(people, detections, sigmas, flip, legacy=legacy)
    return headroom(people, detections, match(people, detections, sigmas), errors, sigmas, legacy=legacy)


def gains(room: Headroom) -> dict[str, float]:
    return {kind: step['AP'] - room.measured['AP'] for kind, step in room.alone.items()}


def test_inversions_alone_cost_all_that_is_missing() -> None:
    """With exchanged hands an OKS is 1/3; the lower scored half has them: 51 of 101 recalls have precision 1."""
    places = np.array([SELF] * 10 + [SELF[FLIP]] * 10)
    room = evaluate(people_at([SELF] * 20, [100] * 20), detections_at(places))
    found = gains(room)
    assert room.alone['inversion']['AP'] == 1
    assert room.measured['AP'] == pytest.approx(51 / 101)
    assert found['jitter'] == found['miss'] == found['swap'] == 0
    assert room.sequence['swap'] == room.measured
    assert room.sequence['inversion']['AP'] == room.sequence['false_negatives']['AP'] == 1


@pytest.mark.parametrize(('legacy', 'landing'), [(False, 0.5), (True, 0.5**0.25)])
def test_a_corrected_miss_counts_as_far_as_it_lands(legacy: bool, landing: float) -> None:
    """One of three joints is missed: OKS is 2/3, and (2 + .5)/3 = .83 or, as published, (2 + .841)/3 = .947 then."""
    places = SELF.copy()
    places[1] = [20, 300]
    room = evaluate(people_at([SELF] * 4, [100] * 4), detections_at([places] * 4), legacy=legacy)
    thresholds = np.linspace(0.5, 0.95, 10)
    assert room.measured['AP'] == pytest.approx(np.mean(thresholds <= 2 / 3))
    assert room.alone['miss']['AP'] == pytest.approx(np.mean(thresholds <= (2 + landing) / 3))


def test_scores_false_positives_and_false_negatives() -> None:
    """One person found behind a detection of nobody, and one person not found."""
    people = people_at([SELF, SELF], [100, 100])
    detections = detections_at([FAR, SELF], [0, 0])
    room = evaluate(people, detections)
    # Recall 1/2 with precision 1/2: 51 of 101 recalls.
    assert room.measured['AP'] == pytest.approx(0.5 * 51 / 101)
    assert room.alone['scoring']['AP'] == pytest.approx(51 / 101)
    assert room.alone['false_positives']['AP'] == pytest.approx(51 / 101)
    assert room.alone['false_negatives']['AP'] == pytest.approx(0.5)
    assert room.sequence['false_negatives']['AP'] == 1


def test_a_bad_match_is_a_false_positive_only_as_published() -> None:
    """A detection with an OKS of 1/3 is about somebody, though it is right at no threshold."""
    third = np.where([[True], [False], [False]], SELF, FAR)
    people, detections = people_at([SELF, SELF], [100, 100]), detections_at([third, SELF])
    room, legacy = evaluate(people, detections), evaluate(people, detections, legacy=True)
    assert room.alone['false_positives']['AP'] == room.measured['AP'] == pytest.approx(0.5 * 51 / 101)
    assert legacy.alone['false_positives']['AP'] == pytest.approx(51 / 101)
    assert room.alone['false_negatives']['AP'] == room.measured['AP']
    assert legacy.alone['false_negatives']['AP'] == pytest.approx(0.5)


@pytest.mark.parametrize('legacy', [False, True])
@pytest.mark.parametrize('seed', range(6))
def test_what_theory_says(seed: int, legacy: bool) -> None:
    people, detections, sigmas, flip = random_scene(seed)
    room = evaluate(people, detections, sigmas, flip, legacy=legacy)
    found = gains(room)
    assert room.measured == AveragePrecision(match(people, detections, sigmas)).statistics()
    assert found['false_positives'] >= 0
    assert found['false_negatives'] >= 0
    steps = [step['AP'] for step in room.sequence.values()]
    assert steps[-1] >= steps[-2] >= steps[-3]
    if legacy:  # each threshold leaves only who is right
        assert steps[-1] == 1


@pytest.mark.parametrize('seed', range(6))
def test_optimal_scores_of_people_who_do_not_touch_reach_their_recall(seed: int) -> None:
    """Then at every threshold AP is the recall of the best detections, which no scores can exceed."""
    people, _, sigmas, flip = random_scene(seed)
    alone = people_at(people.keypoints, people.areas, ignored=people.ignored)
    rng = np.random.default_rng(seed)
    source = rng.integers(0, len(people), 60)
    noise = rng.choice([0.5, 2, 5], (60, 1, 1)) * rng.normal(size=(60, 17, 2))
    on_their_own = detections_at(people.keypoints[source, :, :2] + noise, source, rng.random(60))
    room = evaluate(alone, on_their_own, sigmas, flip)
    best = match(alone, on_their_own, sigmas)
    assert gains(room)['scoring'] >= 0
    counted = ~alone.ignored
    reach = np.zeros(len(people))
    np.maximum.at(reach, room.whom[room.whom >= 0], room.best[room.whom >= 0])
    recalls = [(reach[counted] >= t).sum() / counted.sum() for t in best.thresholds]
    grid = np.linspace(0, 1, 101)
    assert room.alone['scoring']['AP'] == pytest.approx(np.mean([(grid <= r).mean() if r else 0 for r in recalls]))


@pytest.mark.parametrize('legacy', [False, True])
def test_headroom_of_each_joint_is_an_evaluation_of_its_own(legacy: bool) -> None:
    people, detections, sigmas, flip = random_scene(1, joints=5)
    errors = classify(people, detections, sigmas, flip, legacy=legacy)
    base = match(people, detections, sigmas)
    found = joint_headroom(people, detections, base, errors, sigmas, legacy=legacy)
    assert np.isnan(found[[ErrorClass.GOOD, ErrorClass.UNMATCHED]]).all()
    places = corrected_places(people, detections, errors, sigmas, legacy=legacy)
    before = AveragePrecision(base).statistics()['AP']
    for kind in (ErrorClass.MISS, ErrorClass.INVERSION, ErrorClass.JITTER):
        for joint in range(5):
            corrected = moved(detections, moves(errors, places, [kind], joint))
            after = AveragePrecision(match(people, corrected, sigmas)).statistics()['AP']
            assert found[kind, joint] == pytest.approx(after - before, abs=1e-12)


def test_nobody_to_find() -> None:
    nobody = evaluate(people_at(np.zeros((0, 3, 2)), []), detections_at(np.zeros((0, 3, 2))))
    assert nobody.measured['AP'] == -1
    nothing = evaluate(people_at([SELF], [100]), detections_at(np.zeros((0, 3, 2))))
    assert nothing.measured['AP'] == 0
    assert nothing.alone['false_negatives']['AP'] == -1
