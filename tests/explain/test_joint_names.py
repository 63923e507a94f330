import pytest

from posescope.errors import InputError
from posescope.explain.joint_names import find_joints
from tests.drawn_people import JOINTS


def test_joints_are_found_without_regard_to_case_and_separators_in_the_order_typed() -> None:
    assert find_joints(['Left Wrist', 'nose', 'left_wrist', 'rightAnkle'], JOINTS) == [9, 0, 16]


def test_names_that_differ_in_separators_alone_are_told_apart() -> None:
    joints = ['corner_1_11', 'corner_11_1', 'nose']
    assert find_joints(['corner_11_1', 'corner_1_11', 'Nose'], joints) == [1, 0, 2]
    with pytest.raises(InputError, match="'corner111' may mean corner_1_11 or corner_11_1"):
        find_joints(['corner111'], joints)


def test_a_typo_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(InputError, match=r"'left_wirst' is none of the 17 joints \(nearest: left_wrist, "):
        find_joints(['nose', 'left_wirst'], JOINTS)


def test_no_joint_at_all_is_refused() -> None:
    with pytest.raises(InputError, match='no joint is named; there are nose, left_eye'):
        find_joints([], JOINTS)
