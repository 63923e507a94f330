import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
from posescope.explain.dependency.bounded_groups import BoundedGroups
from posescope.explain.dependency.dependency_matrix import DependencyMatrix, summarise
from posescope.explain.dependency.effects import measure_effects
from posescope.explain.dependency.fills import build_fills
from posescope.explain.dependency.group_shapley import crops_a_person, measure_group_shapley
from posescope.explain.dependency.people import LabelledPeople
from tests.explain.dependency.planted_people import ELBOW, SHOULDER, people, planted

NAMES = skeleton_of_file('coco').joints
GROUPS = (NAMES[:5], NAMES[5:8], NAMES[8:11], NAMES[11:14], NAMES[14:])
FILLS = build_fills('mean_colour')
ONE = crops_a_person(GROUPS, NAMES)


@pytest.fixture(scope='module')
def matrix() -> DependencyMatrix:
    return summarise(measure_effects(planted(), people(2), fills=FILLS, batch_size=64), permutations=9)


def asked() -> tuple[list[int], Callable[[int], list[LabelledPeople]]]:
    """How many people were asked for, and who gives them, one a batch."""
    counts: list[int] = []

    def give(count: int) -> list[LabelledPeople]:
        counts.append(count)
        return [replace(people(1, seed=person), images=np.array([person])) for person in range(count)]

    return counts, give


def test_given_groups_are_measured_on_as_many_people_as_the_bound_allows(matrix: DependencyMatrix) -> None:
    counts, give = asked()
    bounded = BoundedGroups(GROUPS, shapley=True, people=5, crops=2 * ONE + 1)
    found = json.loads(json.dumps(bounded.content(planted(), matrix, give, FILLS, batch_size=64), allow_nan=False))
    assert counts == [2]
    assert found['groups'] == [list(group) for group in GROUPS]
    shapley = found['shapley']
    expected = [measure_group_shapley(planted(), some, GROUPS, fills=FILLS, batch_size=64) for some in give(2)]
    for level in ('within', 'across'):
        values = np.array(shapley[level]['value'], float)
        np.testing.assert_allclose(values, np.mean([getattr(one, level)[0] for one in expected], 0), atol=1e-9)
    assert shapley['within']['value'][ELBOW][SHOULDER] == pytest.approx(1, abs=1e-3)
    assert shapley['within']['low'][ELBOW][SHOULDER] is None
    assert '2 images' in shapley['within']['reason'][ELBOW][SHOULDER]
    assert (shapley['people'], shapley['fills'], shapley['reason']) == (2, ['mean_colour'], '')


def test_groups_are_found_in_the_matrix(matrix: DependencyMatrix) -> None:
    counts, give = asked()
    found = BoundedGroups(16).content(planted(), matrix, give, FILLS)
    assert not counts
    assert found['shapley'] is None
    assert [group for group in found['groups'] if len(group) > 1] == [[NAMES[SHOULDER], NAMES[ELBOW]]]


def test_what_cannot_be_had_tells_why(matrix: DependencyMatrix) -> None:
    counts, give = asked()
    one_group = BoundedGroups(1, shapley=True, crops=1000).content(planted(), matrix, give, FILLS)
    assert len(one_group['groups']) == 1
    assert '1 groups, the largest of 17 joints, take up to 1976 crops a person' in one_group['shapley']['reason']
    empty = replace(matrix, value=np.full((17, 17), np.nan))
    nothing = BoundedGroups(shapley=True).content(planted(), empty, give, FILLS)
    assert nothing['groups'] is None
    assert 'no pair of joints has a dependency' in nothing['shapley']['reason']
    assert not counts


@pytest.mark.parametrize(
    ('options', 'complaint'),
    [
        ({'groups': 18}, '17 joints make from 1 to 17 groups'),
        ({'groups': 0}, '17 joints make from 1 to 17 groups'),
        ({'groups': [['nose']]}, 'in no group'),
        ({'groups': [[*NAMES[1:], 'nosse']]}, 'nearest: nose'),
        ({'groups': ['nose', 'left_eye']}, 'neither a number of groups nor lists'),
        ({'groups': True}, 'neither a number of groups nor lists'),
        ({'groups': [[1, 2]]}, 'neither a number of groups nor lists'),
        ({'groups': [NAMES], 'shapley': True, 'crops': 3900}, 'up to 3952 crops a person, more than 3900'),
    ],
)
def test_refused_before_anything_is_measured(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        BoundedGroups(**options).check(NAMES, 2)


def test_what_is_not_refused() -> None:
    BoundedGroups([NAMES], shapley=True, crops=3952).check(NAMES, 2)
    BoundedGroups(17).check(NAMES, 2)
    BoundedGroups(shapley=True).check(NAMES, 2)
