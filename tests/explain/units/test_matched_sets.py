import numpy as np
import pytest

from posescope.errors import InputError
from posescope.explain.units.matched_sets import matched_sets


def test_the_nearest_that_is_free() -> None:
    values = [0.0, 10.0, 20.0, 0.1, 10.2, 20.3, 15.0, 5.0]
    found = matched_sets(values, [0, 1, 2], 4, np.random.default_rng(0), neighbours=1)
    np.testing.assert_array_equal(found, [[3, 4, 5]] * 4)


def test_sets_are_apart_from_the_chosen_and_without_repeats() -> None:
    values = np.random.default_rng(1).normal(size=60)
    chosen = np.arange(0, 60, 4)
    allowed = np.ones(60, bool)
    allowed[1] = False
    found = matched_sets(values, chosen, 20, np.random.default_rng(0), allowed=allowed)
    assert found.shape == (20, 15)
    assert not np.isin(found, [*chosen, 1]).any()
    assert all(len(set(row)) == 15 for row in found.tolist())
    assert len({tuple(sorted(row)) for row in found.tolist()}) > 10
    pairs = np.abs(values[found] - values[chosen]).mean()
    assert pairs < 0.25 * np.abs(values[:, None] - values).mean()


def test_equally_near_ones_are_drawn_alike() -> None:
    found = matched_sets(np.zeros(9), [0], 4000, np.random.default_rng(0), neighbours=1).ravel()
    counts = np.bincount(found, minlength=9)
    assert counts[0] == 0
    assert abs(counts[1:] - 500).max() < 5 * np.sqrt(500)


def test_too_few_are_left() -> None:
    with pytest.raises(InputError, match='3 are chosen and 2 others are left'):
        matched_sets(np.zeros(5), [0, 1, 2], 1, np.random.default_rng(0))
