import numpy as np
import pytest
from scipy import stats

from posescope.errors import InputError
from posescope.explain.dependency.comparison import compare_matrix, mantel, skeleton_distance

LINKS = [(0, 1), (1, 2), (2, 3), (1, 4), (4, 5), (0, 5), (3, 6)]


def matrix(seed: int, joints: int = 7) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(joints, joints))
    np.fill_diagonal(values, np.nan)
    return values


def test_distance_along_links() -> None:
    found = skeleton_distance([(0, 1), (1, 2), (2, 3), (5, 4)], 6)
    np.testing.assert_array_equal(found[0], [0, 1, 2, 3, np.nan, np.nan])
    np.testing.assert_array_equal(found, found.T)
    assert found[4, 5] == 1
    with pytest.raises(InputError, match='links have to join joints 0 to 2'):
        skeleton_distance([(0, 3)], 3)
    with pytest.raises(InputError, match='links'):
        skeleton_distance([], 3)


def test_correlation_is_spearmans() -> None:
    a, b = matrix(0), matrix(1)
    a[2, 3] = np.nan
    both = np.isfinite(a) & np.isfinite(b)
    found = mantel(a, b, permutations=9)
    assert found.correlation == pytest.approx(stats.spearmanr(a[both], b[both]).statistic)
    assert found.cells == 41


def test_p_of_all_permutations() -> None:
    """Against the exact test over all 5! orders of the joints, with ranks taken once."""
    from itertools import permutations

    a, b = matrix(2, 5), matrix(3, 5) + 0.8 * matrix(2, 5)
    off = ~np.eye(5, dtype=bool)
    ranks = np.zeros((5, 5))
    ranks[off] = stats.rankdata(a[off])
    other = stats.rankdata(b[off])
    every = [np.corrcoef(ranks[np.ix_(order, order)][off], other)[0, 1] for order in permutations(range(5))]
    exact = np.mean(np.abs(every) >= abs(every[0]) - 1e-9)
    assert mantel(a, b, permutations=5000).p == pytest.approx(exact, abs=0.03)


def test_false_alarms() -> None:
    """Rows with levels of their own make cells dependent; plain p-values of correlations would be far too small."""
    generator = np.random.default_rng(4)
    p = []
    for _ in range(150):
        levels = generator.normal(size=(2, 12))
        a, b = (each[:, None] + each + generator.normal(0, 0.1, (12, 12)) for each in levels)
        p.append(mantel(a, b, permutations=99).p)
    assert np.mean(np.array(p) <= 0.05) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 150)


def test_dependency_that_falls_with_distance() -> None:
    found = compare_matrix(-skeleton_distance(LINKS, 7), LINKS, {'attention': matrix(5)}, permutations=999)
    assert found['skeleton_distance'].correlation == pytest.approx(-1)
    assert found['skeleton_distance'].p < 0.01
    assert found['symmetry'].correlation == pytest.approx(1)
    assert abs(found['attention'].correlation) < 0.6


def test_symmetry() -> None:
    one_way = np.triu(np.abs(matrix(6)) + 1, 1) - np.tril(np.abs(matrix(7)) + 1, -1)
    assert compare_matrix(one_way, LINKS, permutations=9)['symmetry'].correlation < -0.5


def test_a_skeleton_without_links() -> None:
    found = compare_matrix(matrix(8), [], {'attention': matrix(8)}, permutations=9)
    assert found['skeleton_distance'].correlation is None
    assert found['skeleton_distance'].reason == 'the skeleton links no joints'
    assert found['attention'].correlation == pytest.approx(1)
    assert list(found) == ['skeleton_distance', 'symmetry', 'attention']


def test_refusals() -> None:
    few = np.full((7, 7), np.nan)
    few[0, 1:] = range(6)
    found = mantel(few, matrix(0))
    assert (found.correlation, found.p, found.reason) == (None, None, '6 pairs of joints are too few: it takes 10')
    assert mantel(np.ones((7, 7)), matrix(0)).reason == 'all pairs of joints have the same value in one matrix'
    with pytest.raises(InputError, match=r'not \(7, 7\) and \(6, 6\)'):
        mantel(matrix(0), matrix(0, 6))
