"""Do 95 % intervals cover the truth in 95 of 100 simulated studies? The truth is that of endless images and seeds.

All studies have fixed seeds, so a test passes always or never. Its bounds are 95 %, half a percent for methods that are
approximate (as degrees of freedom are), and three standard errors of a share of N studies; intervals of a wrong width,
or with a wrong error, have to be outside of them.
"""

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from posescope.evaluation.average_precision import AveragePrecision
from posescope.evaluation.bootstrap import percentile_interval, resample
from posescope.evaluation.seeds import crossed_error
from tests.evaluation.simulated_matches import simulate

ONE_THRESHOLD = np.array([0.5])
"""One is as good as ten here, and faster."""
SKILLS = (1.2, 1.0)
SPREAD = 0.1
"""Standard deviation of skill between seeds; what they do to AP is then as large as what 150 images do."""
SEEDS = 5
POPULATION = 100_000


class Studies(NamedTuple):
    """N estimates minus the truth, and how far the interval of each reaches below and above the estimate."""

    miss: NDArray[np.float64]
    below: NDArray[np.float64]
    above: NDArray[np.float64]

    def covered(self, width: float = 1.0) -> float:
        """Share of intervals with the truth in them, had they so many times their width."""
        return float(((self.miss <= width * self.below) & (-self.miss <= width * self.above)).mean())


def bounds(studies: Studies) -> tuple[float, float]:
    """Between which the coverage has to be."""
    half = 0.005 + 3 * np.sqrt(0.95 * 0.05 / len(studies.miss))
    return 0.95 - half, 0.95 + half


def precision(skill: float) -> float:
    """AP of models of this skill, from many pictures; its error is a 25th of that of 150 pictures."""
    (matches,) = simulate(np.random.default_rng(10**6), POPULATION, (skill,), ONE_THRESHOLD)
    return AveragePrecision(matches).statistics()['AP']


def mean_precision(skill: float) -> float:
    """The same over normally distributed skills, by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    return float(np.average([precision(skill + SPREAD * node) for node in nodes], weights=weights))


def images_alone(count: int, images: int, resamples: int, skills: tuple[float, ...] = SKILLS) -> list[Studies]:
    """Of the first model's AP and, if there are two, of their difference."""
    truth = np.array([precision(skill) for skill in skills])
    rows = []
    for seed in range(count):
        found = resample(simulate(np.random.default_rng(seed), images, skills, ONE_THRESHOLD), resamples, seed)
        values, drawn, units = found.values[:, 0], found.drawn[..., 0], int(found.units[0])
        for signs in ((1, 0), (1, -1))[: len(skills)]:
            weights = np.array(signs[: len(skills)])
            value = values @ weights
            sure = percentile_interval(value, drawn @ weights, units)
            rows.append((value - truth @ weights, value - sure.low, sure.high - value))
    columns = np.array(rows).reshape(count, len(skills), 3)
    return [Studies(*columns[:, kind].T) for kind in range(len(skills))]


def seeds_alone(count: int, images: int) -> list[Studies]:
    """The same few images in every study, where the truth is the mean over very many seeds on these images."""
    generator = np.random.default_rng(0)
    values = []
    for skill in SKILLS:
        skills = skill + SPREAD * generator.standard_normal(count * SEEDS)
        runs = [simulate(np.random.default_rng(1), images, (one,), ONE_THRESHOLD, runs=generator)[0] for one in skills]
        values.append(np.array([AveragePrecision(run).statistics()['AP'] for run in runs]).reshape(count, SEEDS))
    truth = values[0].mean() - values[1].mean()
    still = np.zeros((2, SEEDS))  # resampling images is not part of the question
    return [studies([(truth, ours, theirs, still, still, images) for ours, theirs in zip(*values, strict=True)])]


def images_and_seeds(count: int, images: int, resamples: int) -> list[Studies]:
    """Other images and other seeds in every study."""
    truth = mean_precision(SKILLS[0]) - mean_precision(SKILLS[1])
    rows = []
    for seed in range(count):
        generator = np.random.default_rng(seed)
        skills = np.repeat(SKILLS, SEEDS) + SPREAD * generator.standard_normal(2 * SEEDS)
        found = resample(simulate(generator, images, skills, ONE_THRESHOLD), resamples, seed)
        values, drawn = found.values[:, 0], found.drawn[..., 0]
        ours, theirs, units = values[:SEEDS], values[SEEDS:], int(found.units[0])
        rows.append((truth, ours, theirs, drawn[:, :SEEDS], drawn[:, SEEDS:], units))
    return [studies(rows)]


def studies(rows: list[tuple]) -> Studies:
    """Intervals of differences of means over seeds; a row has the truth and the arguments of :func:`crossed_error`."""
    miss = [ours.mean() - theirs.mean() - truth for truth, ours, theirs, *_ in rows]
    sure = [crossed_error(*arguments) for _, *arguments in rows]
    half = stats.t.ppf(0.975, [one.df for one in sure]) * [one.error for one in sure]
    return Studies(np.array(miss), half, half)


class MeansOfRuns:
    """Studies of a mean over images, which a run's seed, the image, and chance in a run on an image add up to.

    Nothing here has to be evaluated, so there can be thousands. Either side has its own effects of images, as an AP of
    two ways of training does as far as they differ.

    Args:
        count: Number of studies.
        images: In each of them.
        of_seed: Variance of a run's mean that comes from its seed.
        of_image: The same of the images, which is common to the runs of a side; 0 takes images as given.
        of_both: The same of chance in a run on an image.
    """

    def __init__(self, count: int, images: int, *, of_seed: float, of_image: float, of_both: float) -> None:
        generator = np.random.default_rng(0)
        resampled = generator.multinomial(images, np.full(images, 1 / images), 400) / images
        self.rows = []
        for _ in range(count):
            values = np.sqrt(of_both * images) * generator.standard_normal((2, SEEDS, images))
            values += np.sqrt(of_image * images) * generator.standard_normal((2, 1, images))
            values += np.sqrt(of_seed) * generator.standard_normal((2, SEEDS, 1))
            drawn = resampled @ values.transpose(0, 2, 1) if of_image else np.zeros((2, 2, SEEDS))
            self.rows.append((0.0, *values.mean(2), *drawn, images))
        self.studies = studies(self.rows)
        self.errors = [crossed_error(*arguments) for _, *arguments in self.rows]

    def covered_with(self, variance: NDArray[np.float64], df: float = np.inf) -> float:
        """Coverage with another variance, and degrees of freedom, than the right one."""
        half = stats.t.ppf(0.975, df) * np.sqrt(variance)
        return float((np.abs(self.studies.miss) <= half).mean())


@pytest.mark.long
def test_images_alone() -> None:
    (found,) = images_alone(400, 65, 45, SKILLS[:1])
    low, high = bounds(found)
    assert low <= found.covered() <= high
    assert found.covered(0.7) < low
    assert found.covered(1.7) > high


def test_seeds_alone() -> None:
    runs = MeansOfRuns(2000, 60, of_seed=1, of_image=0, of_both=1)
    low, high = bounds(runs.studies)
    assert low <= runs.studies.covered() <= high
    # As if five runs told the variance exactly.
    assert runs.covered_with(np.array([one.seed_variance for one in runs.errors])) < low


def test_images_and_seeds() -> None:
    runs = MeansOfRuns(2000, 100, of_seed=0.25, of_image=0.4, of_both=3)
    low, high = bounds(runs.studies)
    assert low <= runs.studies.covered() <= high
    assert runs.studies.covered(0.85) < low
    assert runs.studies.covered(1.2) > high
    of_seeds = np.array([one.seed_variance for one in runs.errors])
    of_images = np.array([one.image_variance for one in runs.errors])
    df = np.array([one.df for one in runs.errors])
    resampled = [(ours.mean(1) - theirs.mean(1)).var(ddof=1) for _, _, _, ours, theirs, _ in runs.rows]
    assert runs.covered_with(of_images, 99) < low  # the seeds forgotten
    assert runs.covered_with(of_seeds, 2 * SEEDS - 2) < low  # the images forgotten
    assert runs.covered_with(of_seeds + resampled, df) > high  # seed × image counted twice


LONG = {
    'images': lambda: images_alone(1200, 150, 99),
    'few images': lambda: images_alone(1200, 65, 99),
    'seeds': lambda: seeds_alone(2000, 100),
    'both': lambda: images_and_seeds(1000, 150, 50),
}


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize('source', LONG)
def test_coverage_in_many_simulations(source: str) -> None:
    for found in LONG[source]():
        print(f'{source}: {found.covered():.4f}')
        assert 0.93 <= found.covered() <= 0.97
