import numpy as np
import pytest
from scipy import stats

from posescope.explain.dependency.sign_flips import sign_flip_p


def test_as_scipy_does_it() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(0.3, 1, (12, 3))
    found = sign_flip_p(values, np.arange(12), permutations=9999)
    for column, p in zip(values.T, found, strict=True):
        expected = stats.permutation_test(
            (column,), np.mean, permutation_type='samples', n_resamples=np.inf
        ).pvalue  # all 4096 patterns of signs
        assert p == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 9999) + 1e-3)


def test_all_of_one_sign() -> None:
    """Of the 2⁵ patterns two are as extreme: p = 1/16."""
    assert sign_flip_p(np.ones((5, 1)), np.arange(5), 20000)[0] == pytest.approx(1 / 16, abs=0.008)
    assert sign_flip_p(np.ones((60, 1)), np.arange(60), 999)[0] == pytest.approx(1 / 1000)


def test_people_of_an_image_are_no_independent_evidence() -> None:
    assert sign_flip_p(np.ones((60, 1)), np.arange(60) // 12, 20000)[0] == pytest.approx(1 / 16, abs=0.008)


def test_gaps_and_zeros() -> None:
    values = np.array([[np.nan, 0.0, 1.0], [np.nan, 0.0, np.nan]])
    found = sign_flip_p(values, [1, 2], 99)
    assert np.isnan(found[0])
    assert found[1:].tolist() == [1, 1]


def test_false_alarms_are_as_frequent_as_they_say() -> None:
    values = np.random.default_rng(1).standard_t(3, (30, 2000))
    p = sign_flip_p(values, np.arange(30), 999)
    assert (p <= 0.05).mean() == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 2000))
