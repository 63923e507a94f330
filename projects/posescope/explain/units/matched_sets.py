"""Controls for a set: others of its kind, each like one of the set."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.errors import InputError

__all__ = ['NEIGHBOURS', 'matched_sets']

NEIGHBOURS = 5
"""Of how many nearest ones a control is drawn."""


def matched_sets(
    values: ArrayLike,
    chosen: Sequence[int] | NDArray[np.int64],
    draws: int,
    generator: np.random.Generator,
    *,
    allowed: NDArray[np.bool_] | None = None,
    neighbours: int = NEIGHBOURS,
) -> NDArray[np.int64]:
    """Draw sets of equal size that have nothing of a set, and values like it.

    Members of the set are taken in random order; for each, one is drawn among the nearest in value that are still
    free. Where only few are free, among the nearer quarter of them, so that a control stays a match.

    Args:
        values: (n,) what is matched: a channel's energy, a key's distance.
        chosen: S numbers of the set.
        draws: D, how many sets.
        generator: Of the draws; it also decides between equally near ones.
        allowed: (n,) bool, which may be drawn at all; None for all.
        neighbours: Among how many nearest ones.

    Returns:
        (D, S) numbers, in the order of ``chosen``.

    Raises:
        InputError: Fewer are free than the set has.
    """
    numbers, of_set = np.asarray(values, np.float64), np.asarray(chosen, np.int64)
    free = np.ones(len(numbers), bool) if allowed is None else np.array(allowed, bool)
    free[of_set] = False
    if free.sum() < len(of_set):
        raise InputError(
            f'{len(of_set)} are chosen and {int(free.sum())} others are left, of which no control of equal size can be '
            'drawn: choose fewer'
        )
    found = np.empty((draws, len(of_set)), np.int64)
    for draw in range(draws):
        pool = np.flatnonzero(free)
        for place in generator.permutation(len(of_set)):
            among = min(neighbours, max(1, len(pool) // 4)) if len(pool) > 2 else len(pool)
            apart = np.abs(numbers[pool] - numbers[of_set[place]])
            nearest = np.lexsort((generator.random(len(pool)), apart))[:among]
            taken = generator.choice(nearest)
            found[draw, place] = pool[taken]
            pool = np.delete(pool, taken)
    return found
