"""Is a mean difference more than chance? Signs flipped by image."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ['sign_flip_p']

_AT_ONCE = 500
_TIE = 1e-9
"""Sums this close, relative to the largest possible, count as equal."""


def sign_flip_p(
    values: NDArray[np.float64], units: ArrayLike, permutations: int = 9999, seed: int = 0
) -> NDArray[np.float64]:
    """Test whether means of paired differences are zero.

    If neither side of a pair has more effect, each unit's differences might as well have the opposite sign. In each
    permutation every unit keeps or changes it with probability 1/2, all columns together. The p-value is
    ``(1 + #{|sum| ≥ |observed|}) / (1 + permutations)`` (B. Phipson and G. K. Smyth, Permutation p-values should never
    be zero, 2010).

    Args:
        values: (N, C) differences, NaN where there is none.
        units: (N,) image of each; differences of one image keep their relative signs.
        permutations: How many.
        seed: Of the signs.

    Returns:
        (C,) two-sided p-values, NaN in columns without any difference.
    """
    names, unit = np.unique(np.asarray(units), return_inverse=True)
    totals = np.zeros((len(names), values.shape[1]))
    np.add.at(totals, unit, np.nan_to_num(values))
    least = np.abs(totals.sum(0)) - _TIE * np.abs(totals).sum(0)
    generator = np.random.default_rng(seed)
    reached = np.zeros(values.shape[1], np.int64)
    for start in range(0, permutations, _AT_ONCE):
        size = min(_AT_ONCE, permutations - start)
        signs = generator.integers(0, 2, (size, len(names))) * 2.0 - 1.0
        reached += (np.abs(signs @ totals) >= least).sum(0)
    defined = np.isfinite(values).any(0)
    return np.where(defined, (1 + reached) / (1 + permutations), np.nan)
