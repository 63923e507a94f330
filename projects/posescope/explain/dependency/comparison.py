"""Does a dependency matrix follow the skeleton, its own transpose, attention, or attribution?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path
from scipy.stats import rankdata

from posescope.errors import InputError

__all__ = ['Agreement', 'compare_matrix', 'mantel', 'skeleton_distance']

_LEAST_CELLS = 10
"""Fewest pairs of joints from which a correlation is given."""
_TIE = 1e-9


@dataclass(frozen=True)
class Agreement:
    """How two matrices agree over pairs of different joints.

    Attributes:
        correlation: Spearman's; None if it is not defined.
        p: Two-sided, by permuting joints (N. Mantel, Cancer Research 27, 1967); None without a correlation.
        cells: Pairs (i, j) that both matrices have.
        reason: Why there is no correlation; empty if there is one.
    """

    correlation: float | None
    p: float | None
    cells: int
    reason: str = ''


def skeleton_distance(links: Sequence[tuple[int, int]], joints: int) -> NDArray[np.float64]:
    """Count the links on the shortest way between joints: (K, K), NaN where there is no way.

    Args:
        links: Pairs of joints that are linked.
        joints: K.

    Raises:
        InputError: There are no links, or one leads to a joint that does not exist.
    """
    pairs = np.array(links, np.int64).reshape(-1, 2)
    if not len(pairs) or pairs.min() < 0 or pairs.max() >= joints:
        raise InputError(
            f'links have to join joints 0 to {joints - 1} of the skeleton, and there has to be one: {links}'
        )
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(joints, joints)).tocsr()
    found = shortest_path(graph, directed=False, unweighted=True)
    return np.where(np.isfinite(found), found, np.nan)


def mantel(first: ArrayLike, second: ArrayLike, permutations: int = 9999, seed: int = 0) -> Agreement:
    """Correlate two matrices by rank, and test it.

    Cells of a row or column belong to one joint and are not independent. So rows and columns of one matrix are
    permuted together, and the p-value is ``(1 + #{|r| ≥ |observed|}) / (1 + permutations)``.

    Args:
        first: (K, K); the diagonal and NaN do not count.
        second: (K, K).
        permutations: How many.
        seed: Of the permutations.

    Raises:
        InputError: They are not square matrices of the same size.
    """
    a, b = (np.array(values, np.float64) for values in (first, second))
    if a.ndim != 2 or a.shape[0] != a.shape[1] or a.shape != b.shape:
        raise InputError(f'two (K, K) matrices are needed, not {a.shape} and {b.shape}')
    both = np.isfinite(a) & np.isfinite(b) & ~np.eye(len(a), dtype=bool)
    cells = int(both.sum())
    if cells < _LEAST_CELLS:
        return Agreement(None, None, cells, f'{cells} pairs of joints are too few: it takes {_LEAST_CELLS}')
    ranks_a, ranks_b = np.zeros_like(a), np.zeros_like(b)
    ranks_a[both], ranks_b[both] = rankdata(a[both]), rankdata(b[both])
    observed = _correlation(ranks_a, ranks_b, both, both)
    if np.isnan(observed):
        return Agreement(None, None, cells, 'all pairs of joints have the same value in one matrix')
    generator = np.random.default_rng(seed)
    reached = 0
    for _ in range(permutations):
        order = generator.permutation(len(a))
        turned = np.ix_(order, order)
        reached += bool(abs(_correlation(ranks_a[turned], ranks_b, both[turned], both)) >= abs(observed) - _TIE)
    return Agreement(observed, (1 + reached) / (1 + permutations), cells)


def _correlation(
    a: NDArray[np.float64], b: NDArray[np.float64], has_a: NDArray[np.bool_], has_b: NDArray[np.bool_]
) -> float:
    """Pearson's correlation over what both have; NaN if one does not vary."""
    both = has_a & has_b
    x, y = a[both], b[both]
    if len(x) < 2:
        return float('nan')
    x, y = x - x.mean(), y - y.mean()
    size = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / size) if size > 0 else float('nan')


def compare_matrix(
    matrix: ArrayLike,
    links: Sequence[tuple[int, int]],
    others: Mapping[str, ArrayLike] | None = None,
    permutations: int = 9999,
    seed: int = 0,
) -> dict[str, Agreement]:
    """Compare a dependency matrix with what it might follow.

    Args:
        matrix: (K, K), row: the joint that is read, column: the joint that is hidden; NaN where missing.
        links: Of the skeleton; where there are none, there is no distance along them.
        others: Matrices of the same layout by name, such as attention between joint tokens, or RI.
        permutations: Of the tests.
        seed: Of the permutations.

    Returns:
        ``'skeleton_distance'`` (negative where near joints lean on each other), ``'symmetry'`` (with its own transpose,
        each pair in both orders), and the names of the others.
    """
    values = np.array(matrix, np.float64)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise InputError(f'matrix has to be (K, K), not {values.shape}')
    wanted = {'symmetry': values.T, **(others or {})}
    if links:
        distance = mantel(values, skeleton_distance(links, len(values)), permutations, seed)
    else:
        distance = Agreement(None, None, 0, 'the skeleton links no joints')
    compared = {name: mantel(values, other, permutations, seed) for name, other in wanted.items()}
    return {'skeleton_distance': distance, **compared}
