import numpy as np
import pytest
from scipy import stats

from posescope.evaluation.significance import detectable_delta, equality_p, holm, zero_p


def test_holm_by_hand() -> None:
    # .005 · 4, .01 · 3, .03 · 2, and .04 · 1, which may not fall below the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == [1, 1]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


def test_zero_by_the_table_of_t() -> None:
    assert zero_p(-2.228139, 1, df=10) == pytest.approx(0.05, abs=1e-6)
    assert zero_p(2 * 1.959964, 2) == pytest.approx(0.05, abs=1e-6)
    assert (zero_p(0, 0), zero_p(0.1, 0)) == (1, 0)


def test_equality_by_the_table_of_t() -> None:
    for delta in (0.0031, -0.0031):
        assert equality_p(delta, 0.001, 0.0031 + 0.001 * 1.812461, df=10) == pytest.approx(0.05, abs=1e-6)
    assert equality_p(0.005, 0.001, 0.005) == pytest.approx(0.5)  # on the margin
    assert equality_p(0.01, 0.001, 0.005) == pytest.approx(stats.norm.cdf(5))
    assert (equality_p(0, 0, 0.005), equality_p(0.005, 0, 0.005)) == (0, 1)


def test_equality_equals_two_t_tests() -> None:
    """Two tests of SciPy's, each of one margin; the larger p-value counts."""
    values = np.random.default_rng(0).normal(0.001, 0.01, 30)
    above = stats.ttest_1samp(values, -0.005, alternative='greater').pvalue
    below = stats.ttest_1samp(values, 0.005, alternative='less').pvalue
    found = equality_p(values.mean(), values.std(ddof=1) / np.sqrt(30), 0.005, df=29)
    assert found == pytest.approx(max(above, below))


def test_what_a_study_can_find() -> None:
    assert detectable_delta(1.0) == pytest.approx(1.959964 + 0.841621, abs=1e-6)
    # A two-sample z test with this difference rejects in 80 of 100 studies.
    assert stats.norm.sf(1.959964 - detectable_delta(0.3) / 0.3) == pytest.approx(0.8, abs=1e-4)
    assert detectable_delta(1.0, df=4) == pytest.approx(2.776445 + 0.940965, abs=1e-6)
