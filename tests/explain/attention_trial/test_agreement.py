import numpy as np
import pytest
from scipy.stats import spearmanr

from posescope.explain.attention_trial.agreement import Agreement, rank_agreement, rank_correlations


def test_correlations_equal_scipys() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 5, (2, 6, 4, 3)).astype(float)
    second[:, 1, 2] = 7  # nothing differs
    second[2, 0, 0] = np.nan
    found = rank_correlations(first, second)
    assert np.isnan([found[1, 2], found[0, 0]]).all()
    for person, joint in np.ndindex(4, 3):
        if np.isfinite(found[person, joint]):
            expected = spearmanr(first[:, person, joint], second[:, person, joint]).statistic
            assert found[person, joint] == pytest.approx(expected)
    assert np.isfinite(found).sum() == 10


def test_mean_over_people_with_an_interval() -> None:
    generator = np.random.default_rng(1)
    mass = np.sort(generator.random((6, 60, 1)), axis=0)[::-1]
    effect = mass + generator.normal(0, 0.2, mass.shape)
    found = rank_agreement(mass, effect, np.arange(60))
    expected = [spearmanr(mass[:, person, 0], effect[:, person, 0]).statistic for person in range(60)]
    assert found.value[0] == pytest.approx(np.mean(expected), abs=0.02)  # effects are rounded to ties
    assert found.low[0] < found.value[0] < found.high[0]
    assert found.people.tolist() == [60]


def test_rounding_is_no_order() -> None:
    mass = np.arange(6.0)[:, None, None]
    assert np.isnan(rank_agreement(mass, mass * 1e-6, [0]).value[0])


def test_words() -> None:
    assert str(Agreement(0.5, 0.4, 0.625, 60)) == 'agreement +0.50 (+0.40 to +0.62, 60 images)'
    assert str(Agreement(-1.0, None, None, 1)) == 'agreement -1.00 (1 image, too few for an interval)'
    assert str(Agreement(None, None, None, 0)) == 'agreement undefined'
