"""Closed forms and axioms."""

from itertools import permutations

import numpy as np
import pytest

from posescope.explain.dependency.shapley import coalitions, orders, shapley_values


def bits(coalition: int, players: int) -> np.ndarray:
    return np.array([coalition >> player & 1 for player in range(players)])


@pytest.mark.parametrize('sampled', [None, orders(6, 8)])
def test_additive_game(sampled: list | None) -> None:
    """What each adds is the same in any coalition, so that it is the value, even of sampled orders."""
    worth = np.random.default_rng(0).normal(size=(6, 3))
    values = {c: 5 + bits(c, 6) @ worth for c in coalitions(6, sampled)}
    np.testing.assert_allclose(shapley_values(values, 6, sampled), worth, atol=1e-12)


def test_glove_game() -> None:
    """One left and two right gloves; a pair is worth 1: (2/3, 1/6, 1/6)."""
    values = {c: np.array(1.0 if c & 1 and c & 6 else 0.0) for c in range(8)}
    np.testing.assert_allclose(shapley_values(values, 3), [2 / 3, 1 / 6, 1 / 6])


def test_product_shared_equally() -> None:
    values = {c: np.array(float(bits(c, 5).prod())) for c in range(32)}
    np.testing.assert_allclose(shapley_values(values, 5), np.full(5, 0.2))


@pytest.mark.parametrize('sampled', [None, orders(5, 6, seed=3)])
def test_efficiency(sampled: list | None) -> None:
    generator = np.random.default_rng(1)
    values = {c: generator.normal(size=4) for c in range(32)}
    np.testing.assert_allclose(shapley_values(values, 5, sampled).sum(0), values[31] - values[0], atol=1e-12)


def test_exact_is_the_mean_over_all_orders() -> None:
    generator = np.random.default_rng(2)
    values = {c: generator.normal(size=2) for c in range(16)}
    every = list(permutations(range(4)))
    np.testing.assert_allclose(shapley_values(values, 4), shapley_values(values, 4, every), atol=1e-12)


def test_sampling_nears_the_exact_values() -> None:
    weights = np.random.default_rng(3).normal(size=10)
    values = {c: np.array(np.tanh(bits(c, 10) @ weights)) for c in range(1 << 10)}
    exact = shapley_values(values, 10)
    few, many = (np.abs(shapley_values(values, 10, orders(10, n)) - exact).max() for n in (4, 1024))
    assert many < 0.05
    assert many < few


def test_coalitions() -> None:
    assert coalitions(3) == list(range(8))
    assert coalitions(3, [(2, 0, 1)]) == [0, 4, 5, 7]
    assert coalitions(0) == [0]
    assert shapley_values({0: np.array(3.0)}, 0).shape == (0,)
    assert len(orders(9, 5)) == 6
    assert all(sorted(order) == list(range(9)) for order in orders(9, 5))
