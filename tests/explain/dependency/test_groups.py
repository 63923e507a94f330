from dataclasses import replace

import numpy as np
import pytest

from posescope.errors import InputError
from posescope.explain.dependency.dependency_matrix import DependencyMatrix, summarise
from posescope.explain.dependency.groups import checked_groups, group_joints, mutual_dependency
from tests.explain.dependency.test_dependency_matrix import drawn

NAMES = tuple('abcdefg')


def with_values(value: np.ndarray, covered: np.ndarray | None = None) -> DependencyMatrix:
    none = np.zeros(value.shape, int) if covered is None else covered
    return replace(summarise(drawn(3)), joints=NAMES[: len(value)], value=value, covered=none)


def blocks(noise: float = 0.02) -> np.ndarray:
    """Joints 0, 3, 5 lean on each other, 1 and 2 do, and 4 and 6 do."""
    value = np.random.default_rng(0).uniform(-noise, noise, (7, 7))
    for block in ((0, 3, 5), (1, 2), (4, 6)):
        value[np.ix_(block, block)] += 0.4
    np.fill_diagonal(value, np.nan)
    return value


def test_planted_blocks() -> None:
    expected = (('a', 'd', 'f'), ('b', 'c'), ('e', 'g'))
    assert group_joints(with_values(blocks()), 3) == expected
    assert group_joints(with_values(blocks())) == expected
    assert group_joints(with_values(blocks()), 1) == (NAMES,)
    assert group_joints(with_values(blocks()), 7) == tuple((name,) for name in NAMES)


def test_mutual() -> None:
    nan = np.nan
    value = np.array([[nan, 0.4, nan, nan], [0.2, nan, -0.5, nan], [0.1, -0.3, nan, nan], [nan] * 4])
    covered = np.zeros((4, 4))
    covered[3, 2] = 5
    found = mutual_dependency(value, covered)
    np.testing.assert_allclose(found, [[0, 0.3, 0.1, 0], [0.3, 0, 0, 0], [0.1, 0, 0, 0.3], [0, 0, 0.3, 0]], atol=1e-12)


def test_joints_that_one_disc_hides_are_grouped() -> None:
    value, covered = blocks(), np.zeros((7, 7), int)
    value[1, 2] = value[2, 1] = np.nan
    assert ('b', 'c') not in group_joints(with_values(value), 4)
    covered[1, 2] = 9
    assert ('b', 'c') in group_joints(with_values(value, covered), 3)


def test_refusals() -> None:
    with pytest.raises(InputError, match='count=9: 7 joints make from 1 to 7 groups'):
        group_joints(with_values(blocks()), 9)
    with pytest.raises(InputError, match='no pair of joints'):
        group_joints(with_values(np.full((7, 7), np.nan)))


def test_groups_by_name() -> None:
    assert checked_groups([['c', 'a'], ['b']], 'abc') == [[2, 0], [1]]
    with pytest.raises(InputError, match='c: in no group; each of the 3 joints has to be in one'):
        checked_groups([['a'], ['b']], 'abc')
    with pytest.raises(InputError, match='no joint is named; there are a, b, c'):
        checked_groups([['a', 'b'], [], ['c']], 'abc')
    with pytest.raises(InputError, match='a: in two groups'):
        checked_groups([['a', 'b'], ['c', 'a']], 'abc')
    with pytest.raises(InputError, match=r"'left_ey' is none of .* left_eye"):
        checked_groups([['left_ey']], ['left_eye', 'nose'])
