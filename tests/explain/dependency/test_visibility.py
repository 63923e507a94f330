"""What v says in different data sets."""

import numpy as np

from posescope.explain.dependency.visibility import graded_lists, visible_joints


def listed(*flags: float) -> list[float]:
    """x, y and v of joints."""
    return [number for flag in flags for number in (5.0, 7.0, flag)]


def test_one_means_hidden_only_where_somebody_has_a_two() -> None:
    labelled = np.array([True, True, False])
    hidden, seen, hand = ({'keypoints': listed(*flags)} for flags in ((1, 1, 0), (2, 1, 0), (1, 1, 0)))
    assert graded_lists([hidden, seen], 3) == {'keypoints'}
    assert graded_lists([hand, hand], 3) == frozenset()
    assert visible_joints(hidden, labelled, {'keypoints'}).tolist() == [False] * 3
    assert visible_joints(seen, labelled, {'keypoints'}).tolist() == [True, False, False]
    assert visible_joints(hand, labelled, frozenset()).tolist() == [True, True, False]


def test_parts_in_the_order_of_mmpose_and_each_by_its_own_flags() -> None:
    whole = {
        'lefthand_kpts': listed(1, 0),
        'keypoints': listed(2, 1, 0),
        'face_kpts': listed(1, 1),
        'foot_kpts': listed(1),
        'righthand_kpts': listed(2, 1),
    }
    graded = graded_lists([whole], 10)
    assert graded == {'keypoints', 'righthand_kpts'}
    found = visible_joints(whole, np.ones(10, bool), graded)
    assert found.tolist() == [True, False, False, True, True, True, True, False, True, False]
    # The body alone of the same annotation, as a data set of bodies reads it.
    assert graded_lists([whole], 3) == {'keypoints'}
    assert visible_joints(whole, np.ones(3, bool), {'keypoints'}).tolist() == [True, False, False]


def test_human_art_has_its_own_list() -> None:
    both = {'keypoints': listed(1, 1), 'keypoints_21': listed(2, 1, 2)}
    assert graded_lists([both], 3) == {'keypoints_21'}
    assert visible_joints(both, np.ones(3, bool), {'keypoints_21'}).tolist() == [True, False, True]


def test_annotations_of_other_joints_say_nothing() -> None:
    labelled = np.array([True, False])
    for annotation in (None, {}, {'keypoints': listed(1, 2, 2)}, {'keypoints': None}):
        assert graded_lists([annotation], 2) == frozenset()
        np.testing.assert_array_equal(visible_joints(annotation, labelled, {'keypoints'}), labelled)


def test_no_more_people_are_asked_than_it_takes() -> None:
    def people():
        yield {'keypoints': listed(1, 0)}
        yield {'keypoints': listed(2, 1)}
        raise AssertionError('a list that has shown a 2 has nothing more to say')

    assert graded_lists(people(), 2) == {'keypoints'}
