import numpy as np
import pytest

from posescope.evaluation.diagnosis.error_classes import ErrorClass, classify, matched_detections
from tests.evaluation.diagnosis.error_class_reference import names, reference_classes
from tests.evaluation.diagnosis.planted import (
    FLIP,
    SIGMAS,
    area_of_exact,
    detections_at,
    distance,
    people_at,
    random_scene,
)

LABELS = [one.label for one in ErrorClass]
SELF = np.array([[0.0, 0.0], [20.0, 0.0], [40.0, 0.0]])
"""Joints so far apart, with an area of 100, that none has a similarity with another."""


def classes(people, detections, sigmas=SIGMAS, flip=FLIP, **options):
    return names(classify(people, detections, sigmas, flip, **options).classes, LABELS)


@pytest.mark.parametrize(
    ('ks', 'expected'), [(1.0, 'good'), (0.86, 'good'), (0.84, 'jitter'), (0.51, 'jitter'), (0.49, 'miss')]
)
def test_distance_from_the_own_label(ks: float, expected: str) -> None:
    places = np.add(SELF, [[0, 0], [0, distance(ks)], [0, 0]])
    assert classes(people_at([SELF], [100]), detections_at([places])) == [['good', expected, 'good']]


@pytest.mark.parametrize('legacy', [False, True])
@pytest.mark.parametrize('ks', [0.85, 0.5])
def test_borders_to_the_last_bit(ks: float, legacy: bool) -> None:
    """.85 is jitter (and nothing in the published code), .5 is jitter, and what is next below .5 is a miss."""
    area = area_of_exact(ks)
    truth = 1e3 * SELF
    at, beyond = truth.copy(), truth.copy()
    at[0, 1], beyond[0, 1] = 1, 1 + 1e-12
    people, sigmas = people_at([truth] * 2, [area] * 2), np.full(3, 0.5)
    found = classes(people, detections_at([at, beyond]), sigmas, legacy=legacy)
    assert found[0][0] == ('unclassified' if legacy and ks == 0.85 else 'jitter')
    assert found[1][0] == ('jitter' if ks == 0.85 else 'miss')


def test_inversion() -> None:
    assert classes(people_at([SELF], [100]), detections_at([SELF[FLIP]])) == [['good', 'inversion', 'inversion']]


def test_inversion_at_an_unlabelled_joint_is_a_miss() -> None:
    """Without a label of the other side, nobody can say that this is where it went."""
    truth = np.concatenate([SELF, [[2], [2], [0]]], 1)
    assert classes(people_at([truth], [100]), detections_at([SELF[FLIP]])) == [['good', 'miss', None]]


@pytest.mark.parametrize('joint', [1, 2])
def test_swap_also_with_the_other_side_of_another_person(joint: int) -> None:
    other = np.add(SELF, [0, 50])
    places = SELF.copy()
    places[1] = other[joint]
    people = people_at([SELF, other], [100, 100], [0, 0])
    assert classes(people, detections_at([places, other], [0, 0])) == [['good', 'swap', 'good'], ['good'] * 3]


def test_a_crowd_and_its_joints_are_other_people_but_no_class() -> None:
    other = np.add(SELF, [0, 50])
    places = SELF.copy()
    places[1] = other[1]
    marked = np.array([False, True])
    people = people_at([SELF, other], [100, 100], [0, 0], crowd=marked, ignored=marked)
    assert classes(people, detections_at([places], [0])) == [['good', 'swap', 'good'], [None] * 3]


def test_the_area_is_that_of_the_person_whose_label_it_is() -> None:
    """Between two labels, the nearer one by far, of a small person, loses against that of a large one."""
    small, large = SELF, np.add(SELF, [0, 10])
    places = large.copy()
    places[1] = [20, 3]
    people = people_at([small, large], [25, 10000], [0, 0])
    found = classes(people, detections_at([places, small], [0, 0]))
    assert found == [['good'] * 3, ['good', 'jitter', 'good']]
    places[1] = [20, 0.3]
    found = classes(people, detections_at([places, small], [0, 0]))
    assert found == [['good'] * 3, ['good', 'swap', 'good']]


def test_side_ambiguous_joints_are_counted_apart() -> None:
    """Hands within a KS of .5 of each other cannot be told apart; the published code calls it an inversion."""
    near = SELF.copy()
    near[2] = near[1] + [0, distance(0.51)]
    apart = SELF.copy()
    apart[2] = apart[1] + [0, distance(0.49)]
    people = people_at([near, apart], [100, 100])
    detections = detections_at([near[FLIP], apart[FLIP]])
    errors = classify(people, detections, SIGMAS, FLIP)
    assert names(errors.classes, LABELS) == [
        ['good', 'side_ambiguous', 'side_ambiguous'],
        ['good', 'inversion', 'inversion'],
    ]
    assert errors.side_ambiguous.tolist() == [[False, True, True], [False] * 3]
    legacy = classify(people, detections, SIGMAS, FLIP, legacy=True)
    assert names(legacy.classes, LABELS) == [['good', 'inversion', 'inversion']] * 2
    assert not legacy.side_ambiguous.any()


def test_unmatched_people_belong_to_the_budget() -> None:
    """OKS of .33 with one of three joints right is enough; of 0 is not."""
    far = np.add(SELF, [0, 1000])
    third = np.where([[True], [False], [False]], SELF, far)
    assert classes(people_at([SELF] * 2, [100] * 2), detections_at([far, third])) == [
        ['unmatched'] * 3,
        ['good', 'miss', 'miss'],
    ]
    assert classes(people_at([SELF], [100]), detections_at(np.zeros((0, 3, 2)))) == [['unmatched'] * 3]
    assert classes(people_at(np.zeros((0, 3, 2)), []), detections_at(np.zeros((0, 3, 2)))) == []


@pytest.mark.parametrize('legacy', [False, True])
@pytest.mark.parametrize('joints', [17, 13])
@pytest.mark.parametrize('seed', range(8))
def test_as_in_plain_python(seed: int, joints: int, legacy: bool) -> None:
    people, detections, sigmas, flip = random_scene(seed, joints)
    errors = classify(people, detections, sigmas, flip, legacy=legacy)
    matched = matched_detections(people, detections, sigmas)
    expected = reference_classes(people, detections, matched, sigmas, flip, legacy)
    assert names(errors.classes, LABELS) == expected
    assert errors.counts().sum() == people.labelled[~people.ignored].sum()
    occurring = {label for row in expected for label in row} - {None}
    assert occurring >= {'good', 'jitter', 'inversion', 'swap', 'miss', 'unmatched'}


def test_planted_inversions_are_found_exactly() -> None:
    """Wrists exchanged in 30 % of people of a 14-joint skeleton."""
    rng = np.random.default_rng(0)
    flip = np.array([1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 12, 13])
    truth = np.stack(np.meshgrid(np.arange(14) * 30.0, np.zeros(1)), -1) + rng.uniform(0, 5, (200, 14, 2))
    places = truth + rng.normal(0, 0.1, truth.shape)
    exchanged = rng.random(200) < 0.3
    places[exchanged, 4:6] = places[exchanged][:, [5, 4]]
    errors = classify(people_at(truth, np.full(200, 900.0)), detections_at(places), np.full(14, 0.07), flip)
    counts = errors.counts()
    assert counts[ErrorClass.INVERSION].tolist() == [0] * 4 + [exchanged.sum()] * 2 + [0] * 8
    assert counts[ErrorClass.GOOD].sum() == 200 * 14 - 2 * exchanged.sum()
