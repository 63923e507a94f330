"""Two one-sided tests against SciPy's Welch tests, and the number of seeds against simulated studies."""

import numpy as np
import pytest
from scipy import stats

from posescope.evaluation.equivalence import equivalence


@pytest.mark.parametrize('shift', [0.0, 0.003, -0.02])
def test_equivalence_is_two_one_sided_welch_tests(shift: float) -> None:
    generator = np.random.default_rng(3)
    ours, theirs = generator.normal(0.6 + shift, 0.002, 6), generator.normal(0.6, 0.004, 4)
    found = equivalence(ours.tolist(), theirs.tolist())
    against = [
        stats.ttest_ind(ours + 0.005, theirs, equal_var=False, alternative='greater').pvalue,
        stats.ttest_ind(ours - 0.005, theirs, equal_var=False, alternative='less').pvalue,
    ]
    assert found['p'] == pytest.approx(max(against), rel=1e-9)
    interval = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.9)
    assert [found['low'], found['high']] == pytest.approx(list(interval), rel=1e-9)
    assert (found['p'] < 0.05) == (found['low'] > -0.005 and found['high'] < 0.005)


def test_seeds_needed_show_equal_ones_equal_four_times_out_of_five() -> None:
    # Four draws of each with a variance of exactly 0.008 squared.
    spread = np.array([-1, -1, 1, 1]) * 0.008 * np.sqrt(3) / 2
    seeds = equivalence(spread.tolist(), spread.tolist())['seeds_needed']
    ours, theirs = np.random.default_rng(0).normal(0, 0.008, (2, 4000, int(seeds)))
    upper = stats.ttest_ind(ours - 0.005, theirs, axis=1, equal_var=False, alternative='less').pvalue
    lower = stats.ttest_ind(ours + 0.005, theirs, axis=1, equal_var=False, alternative='greater').pvalue
    assert (np.maximum(upper, lower) < 0.05).mean() == pytest.approx(0.8, abs=0.03)


def test_equal_draws_without_spread_are_equivalent() -> None:
    assert equivalence([0.5, 0.5], [0.5, 0.5])['p'] == 0
    assert equivalence([0.5, 0.5], [0.6, 0.6])['p'] == 1
