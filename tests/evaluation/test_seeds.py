import numpy as np
import pytest
from scipy import stats

from posescope.errors import InputError
from posescope.evaluation.comparison import judge
from posescope.evaluation.seeds import compare_runs, crossed_error
from tests.evaluation.simulated_matches import simulate

GENERATOR = np.random.default_rng(0)
OURS, THEIRS = GENERATOR.normal(0.6, 0.02, 5), GENERATOR.normal(0.58, 0.01, 7)


def with_covariance(covariance: np.ndarray, count: int = 400) -> np.ndarray:
    """Values whose sample covariance is exactly this, (R, M)."""
    raw = np.random.default_rng(1).normal(size=(count, len(covariance)))
    raw -= raw.mean(0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw.T))).T
    return 0.5 + white @ np.linalg.cholesky(covariance).T


def test_without_a_part_of_the_images_it_is_welchs_interval() -> None:
    still = np.zeros((3, 7))
    found = crossed_error(OURS, THEIRS, still[:, :5], still, 100)
    welch = stats.ttest_ind(OURS, THEIRS, equal_var=False)
    low, high = welch.confidence_interval()
    half = stats.t.ppf(0.975, found.df) * found.error
    delta = OURS.mean() - THEIRS.mean()
    assert (delta - half, delta + half) == pytest.approx((low, high))
    assert found.df == pytest.approx(welch.df)
    paired = crossed_error(OURS, THEIRS[:5], still[:, :5], still[:, :5], 100, paired=True)
    low, high = stats.ttest_rel(OURS, THEIRS[:5]).confidence_interval()
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, paired.df) * paired.error)
    assert paired.image_variance == 0


def test_images_count_by_what_runs_share() -> None:
    """Runs of ours share 4, of theirs 3, both 1; each has 9 of its own, which the seeds' part already holds."""
    covariance = np.full((12, 12), 1.0)
    covariance[:5, :5], covariance[5:, 5:] = 4, 3
    drawn = with_covariance((covariance + 9 * np.eye(12)) * 1e-4)
    found = crossed_error(OURS, THEIRS, drawn[:, :5], drawn[:, 5:], 100)
    assert found.image_variance == pytest.approx(5e-4)
    parts = OURS.var(ddof=1) / 5, THEIRS.var(ddof=1) / 7
    assert found.error**2 == pytest.approx(5e-4 + sum(parts))
    expected = found.error**4 / (parts[0] ** 2 / 4 + parts[1] ** 2 / 6 + 5e-4**2 / 99)
    assert found.df == pytest.approx(expected)
    # Differences of paired runs share 4 + 3 - 2 · 1 as well.
    paired = crossed_error(OURS, THEIRS[:5], drawn[:, :5], drawn[:, 5:10], 100, paired=True)
    assert paired.image_variance == pytest.approx(5e-4)


def test_one_run_a_side_is_the_plain_bootstrap() -> None:
    drawn = with_covariance(np.array([[4.0, 1], [1, 3]]))
    found = crossed_error(OURS[:1], THEIRS[:1], drawn[:, :1], drawn[:, 1:], 100)
    assert found.error == pytest.approx((drawn[:, 0] - drawn[:, 1]).std(ddof=1))
    assert (found.seed_variance, found.df) == (0, 99)


def runs(skill: float, count: int, seed: int) -> list:
    generator = np.random.default_rng(seed)
    skills = skill + 0.05 * generator.standard_normal(count)
    return simulate(np.random.default_rng(0), 120, skills, runs=generator)


def test_verdicts() -> None:
    found = judge(compare_runs(runs(1.8, 5, 1), runs(1.0, 5, 2), 'skill', resamples=40))[0]
    assert (found.verdict, found.seeds, found.name) == ('better', (5, 5), 'skill')
    assert found.low < found.delta < found.high
    for ours, theirs in ((4, 5), (5, 4), (1, 1)):
        few = judge(compare_runs(runs(1.8, ours, 1), runs(1.0, theirs, 2), resamples=40))[0]
        assert few.verdict == 'no claim: fewer than 5 seeds'
        assert few.low < few.delta < few.high
    worse = judge(compare_runs(runs(1.0, 5, 1), runs(1.8, 5, 2), resamples=40, paired=True))[0]
    assert worse.verdict == 'worse'


def test_means_over_seeds() -> None:
    from posescope.evaluation.average_precision import AveragePrecision

    ours, theirs = runs(1.2, 3, 1), runs(1.0, 2, 2)
    found = compare_runs(ours, theirs, resamples=20)[0]
    means = [np.mean([AveragePrecision(run).statistics()['AP'] for run in side]) for side in (ours, theirs)]
    assert (found.ours, found.theirs, found.delta) == pytest.approx((*means, means[0] - means[1]))


def test_refuses_other_images_and_uneven_pairs() -> None:
    with pytest.raises(InputError, match='not 3 and 2'):
        compare_runs(runs(1.0, 3, 1), runs(1.0, 2, 2), paired=True)
    (other,) = simulate(np.random.default_rng(9), 120)
    with pytest.raises(InputError, match='run 1 of ours and run 2 of theirs cannot be compared: image '):
        compare_runs(runs(1.0, 1, 1), [*runs(1.0, 1, 2), other])
