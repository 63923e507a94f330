"""Shapley values of any game: what each player adds on average, in whatever order they come.

L. S. Shapley, A value for n-person games, Contributions to the Theory of Games 2, 1953. A coalition is a whole number
whose bit k says whether player k is in it.
"""

from collections.abc import Mapping
from math import factorial

import numpy as np
from numpy.typing import NDArray

__all__ = ['MOST_EXACT', 'coalitions', 'orders', 'shapley_values']

MOST_EXACT = 8
"""Most players whose 2ⁿ coalitions are all played."""


def orders(players: int, permutations: int, seed: int = 0) -> list[tuple[int, ...]]:
    """Draw orders in which players come, each followed by its reverse, which makes the mean of both less noisy.

    Args:
        players: n.
        permutations: How many; an odd number is rounded up.
        seed: Of the drawing.
    """
    generator = np.random.default_rng(seed)
    drawn: list[tuple[int, ...]] = []
    for _ in range((permutations + 1) // 2):
        order = tuple(generator.permutation(players).tolist())
        drawn += [order, order[::-1]]
    return drawn


def coalitions(players: int, sampled: list[tuple[int, ...]] | None = None) -> list[int]:
    """List the coalitions whose values are needed: all, or those along sampled orders; the empty one comes first."""
    if sampled is None:
        return list(range(1 << players))
    needed = {0}
    for order in sampled:
        coalition = 0
        for player in order:
            coalition |= 1 << player
            needed.add(coalition)
    return sorted(needed)


def shapley_values(
    values: Mapping[int, NDArray[np.float64]], players: int, sampled: list[tuple[int, ...]] | None = None
) -> NDArray[np.float64]:
    """Compute Shapley values from the values of coalitions.

    Either way they sum to the value of all players minus that of none.

    Args:
        values: Of all coalitions of :func:`coalitions`, each (...).
        players: n.
        sampled: Orders over which marginal contributions are averaged; None weighs all coalitions exactly.

    Returns:
        (n, ...).
    """
    nobody = np.asarray(values[0], np.float64)
    found = np.zeros((players, *nobody.shape))
    if sampled is not None:
        for order in sampled:
            coalition = 0
            for player in order:
                larger = coalition | 1 << player
                found[player] += np.asarray(values[larger]) - np.asarray(values[coalition])
                coalition = larger
        return found / max(len(sampled), 1)
    weights = [factorial(size) * factorial(players - size - 1) / factorial(players) for size in range(players)]
    for coalition in range(1 << players):
        weight = weights[coalition.bit_count()] if coalition.bit_count() < players else 0.0
        for player in range(players):
            if not coalition >> player & 1:
                added = np.asarray(values[coalition | 1 << player]) - np.asarray(values[coalition])
                found[player] += weight * added
    return found
