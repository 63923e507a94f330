"""How sure COCO's statistics are: intervals from resampled images, with exact average precision in each resample."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich.console import Console
from rich.progress import track
from scipy import stats

from posescope.evaluation.average_precision import STATISTICS, AveragePrecision
from posescope.evaluation.matching import AREA_RANGES, Matches

__all__ = [
    'LEAST_UNITS',
    'Interval',
    'Progress',
    'Resamples',
    'intervals',
    'percentile_interval',
    'progress',
    'refusals',
    'resample',
]

LEAST_UNITS = 50
"""Fewest units with people from which an interval is given."""
_MOST_UNDEFINED = 0.05
"""Largest share of resamples in which a statistic may be undefined."""
Progress = Callable[[Iterable[int]], Iterable[int]]
"""Wraps a loop to show how far it is, as ``rich.progress.track`` does."""


def progress(loop: Iterable[int]) -> Iterable[int]:
    """Show on the terminal how far resampling is."""
    return track(loop, 'resampling', console=Console(stderr=True), transient=True)


@dataclass(frozen=True)
class Interval:
    """A number and how sure it is.

    Attributes:
        value: The number over all images; None if it is not defined.
        low: Lower end; None if there is no interval.
        high: Upper end.
        error: Standard error.
        units: How many units (images) with people who count it rests on.
        resamples: How many resamples were drawn.
        undefined: In how many of them the number was not defined; those are left out.
        reason: One sentence, why there is no interval; empty if there is one.
    """

    value: float | None
    low: float | None
    high: float | None
    error: float | None
    units: int
    resamples: int
    undefined: int
    reason: str


@dataclass(frozen=True)
class Resamples:
    """Ten statistics of M models on the same R resamples of their images; NaN where one is not defined.

    Attributes:
        values: (M, 10), over all images.
        drawn: (R, M, 10), over the images of each resample.
        units: (10,), number of units that hold somebody who counts for a statistic.
    """

    values: NDArray[np.float64]
    drawn: NDArray[np.float64]
    units: NDArray[np.int64]

    @classmethod
    def joined(cls, parts: Sequence['Resamples']) -> 'Resamples':
        """Put models beside each other that were resampled one by one.

        The same as resampling them together, if they were evaluated on the same people and drawn with the same seed:
        which images a resample holds does not depend on the models.

        Args:
            parts: Of as many resamples each.
        """
        values = np.concatenate([part.values for part in parts])
        return cls(values, np.concatenate([part.drawn for part in parts], axis=1), parts[0].units)


def resample(
    models: Sequence[Matches],
    resamples: int = 1000,
    seed: int = 0,
    units: ArrayLike | None = None,
    progress: Progress | None = None,
    by_area: bool = True,
) -> Resamples:
    """Evaluate models on the same images, drawn with replacement.

    An image that is drawn twice counts as two images. Where twins show the same scene, images of one scene are drawn
    together.

    Args:
        models: M results of :func:`posescope.evaluation.matching.match` on the same people.
        resamples: R.
        seed: Of the drawing.
        units: (I,) labels; images with the same label are drawn together. None draws single images.
        progress: Wraps the loop over resamples.
        by_area: Whether medium and large people are evaluated by themselves, too; NaN and a third of the time without.
    """
    unit, count = unit_index(models[0], units)
    measures = [AveragePrecision(matches, by_area) for matches in models]
    generator = np.random.default_rng(seed)
    drawn = np.empty((resamples, len(models), len(STATISTICS)))
    for r in (progress or iter)(range(resamples)):
        weights = np.bincount(generator.integers(count, size=count), minlength=count).astype(np.int32)[unit]
        for m, measure in enumerate(measures):
            drawn[r, m] = statistics_row(measure, weights)
    values = np.array([statistics_row(measure) for measure in measures]).reshape(-1, len(STATISTICS))
    return Resamples(values, drawn, _informative(models[0], unit))


def intervals(
    matches: Matches,
    resamples: int = 1000,
    seed: int = 0,
    units: ArrayLike | None = None,
    level: float = 0.95,
    progress: Progress | None = None,
) -> dict[str, Interval]:
    """Give each of COCO's ten statistics its interval over images.

    In simulations with 60 and 150 images percentile intervals covered as they should, and better than intervals with
    corrections for bias and skewness (BCa), turned over (basic), or by Student's t.

    Args:
        matches: Of one model.
        resamples: How many.
        seed: Of the drawing.
        units: As in :func:`resample`.
        level: How often such an interval covers what infinitely many images would give.
        progress: Wraps the loop over resamples.
    """
    found = resample([matches], resamples, seed, units, progress)
    reasons = refusals(found.drawn[:, 0], found.values[0], found.units)
    return {
        name: percentile_interval(found.values[0, s], found.drawn[:, 0, s], int(found.units[s]), reasons[s], level)
        for s, name in enumerate(STATISTICS)
    }


def percentile_interval(
    value: float, drawn: NDArray[np.float64], units: int, reason: str = '', level: float = 0.95
) -> Interval:
    """Read an interval off resampled values.

    Ends are the values of rank ``p·(R + 1)``, so that few resamples make the interval noisy but not narrow
    (A. C. Davison and D. V. Hinkley, Bootstrap Methods and their Application, 1997, section 5.2). Resamples of n units
    vary less than new data would, as a variance with n instead of n - 1 does, and nobody knows it exactly; hence p is
    the normal probability below ``-t · √(n / (n - 1))`` with Student's t for n - 1 (T. C. Hesterberg, What teachers
    should know about the bootstrap, The American Statistician 69, 2015, "expanded percentile"): 2.1 % instead of 2.5 %
    for 50 units.

    Args:
        value: Over all images; NaN if it is not defined.
        drawn: (R,), NaN where a resample does not define it.
        units: n.
        reason: Why there shall be no interval.
        level: Of the interval.
    """
    defined = drawn[~np.isnan(drawn)]
    undefined = len(drawn) - len(defined)
    shown = None if np.isnan(value) else float(value)
    if not reason and len(defined) < 2:
        reason = f'the number is not defined in {undefined} of {len(drawn)} resamples'
    if reason:
        return Interval(shown, None, None, None, units, len(drawn), undefined, reason)
    tail = stats.norm.cdf(stats.t.ppf((1 - level) / 2, units - 1) * np.sqrt(units / (units - 1)))
    low, high = np.quantile(defined, [tail, 1 - tail], method='weibull')
    return Interval(shown, float(low), float(high), float(defined.std(ddof=1)), units, len(drawn), undefined, '')


def refusals(drawn: NDArray[np.float64], values: NDArray[np.float64], units: NDArray[np.int64]) -> list[str]:
    """Say in one sentence for each of S statistics why there can be no interval; empty where there can.

    Args:
        drawn: (R, S), NaN where a resample does not define a statistic.
        values: (S,), over all images.
        units: (S,), number of units that hold somebody who counts.
    """
    reasons = []
    for value, column, count in zip(values, drawn.T, units.tolist(), strict=True):
        undefined = int(np.isnan(column).sum())
        if count < LEAST_UNITS:
            reasons.append(f'fewer than {LEAST_UNITS} images or scenes with people who count ({count})')
        elif np.isnan(value):
            reasons.append('the statistic is not defined on these images')
        elif undefined > _MOST_UNDEFINED * len(column) or len(column) - undefined < 2:
            reasons.append(f'the statistic is not defined in {undefined} of {len(column)} resamples')
        else:
            reasons.append('')
    return reasons


def unit_index(matches: Matches, units: ArrayLike | None) -> tuple[NDArray[np.int64], int]:
    """Number the units that are drawn together.

    Returns:
        (I,) the unit of each image, and the number of units.

    Raises:
        ValueError: There is not one label for each image.
    """
    images = len(matches.image_ids)
    if units is None:
        return np.arange(images), images
    labels = np.asarray(units)
    if labels.shape != (images,):
        raise ValueError(f'units: {labels.shape} labels for {images} images')
    names, unit = np.unique(labels, return_inverse=True)
    return unit, len(names)


def statistics_row(measure: AveragePrecision, weights: NDArray[np.integer] | None = None) -> NDArray[np.float64]:
    """COCO's ten statistics in their order, (10,); NaN where one is not defined."""
    values = np.array(list(measure.statistics(weights).values()))
    return np.where(values < 0, np.nan, values)


def _informative(matches: Matches, unit: NDArray[np.int64]) -> NDArray[np.int64]:
    """(10,), how many units hold somebody who counts for each statistic; only these make it vary in a known way."""
    counts = {
        area: len(np.unique(unit[matches.person_image[matches.person_counted[:, a]]]))
        for a, area in enumerate(AREA_RANGES)
    }
    areas = {'(M)': 'medium', '(L)': 'large'}
    return np.array([counts[areas.get(name.split()[-1], 'all')] for name in STATISTICS])
