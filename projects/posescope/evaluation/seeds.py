"""Two ways of training, each run with several seeds and tested on the same images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from posescope.errors import InputError
from posescope.evaluation.average_precision import STATISTICS
from posescope.evaluation.bootstrap import Progress, Resamples, refusals, resample
from posescope.evaluation.comparison import ALPHA, MARGIN, Comparison, known
from posescope.evaluation.matching import Matches
from posescope.evaluation.same_people import check_same
from posescope.evaluation.significance import zero_p

__all__ = ['LEAST_SEEDS', 'CrossedError', 'compare_resampled', 'compare_runs', 'crossed_error']

LEAST_SEEDS = 5
"""Fewest runs on either side for a claim about a way of training."""


@dataclass(frozen=True)
class CrossedError:
    """Error of a difference of means over seeds.

    Attributes:
        error: Standard error.
        df: Effective degrees of freedom.
        seed_variance: The part that more seeds would reduce.
        image_variance: The part that only more images would reduce.
    """

    error: float
    df: float
    seed_variance: float
    image_variance: float


def crossed_error(
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    drawn_ours: NDArray[np.float64],
    drawn_theirs: NDArray[np.float64],
    units: int,
    *,
    paired: bool = False,
) -> CrossedError:
    """Combine what seeds and what images contribute to the error of ``mean(ours) - mean(theirs)``.

    Seeds and images are crossed: every run is tested on the same images. Write a run's value as
    ``mean + seed + image + seed × image``. The variance s² between runs holds seed and seed × image, and ``s² / S`` is
    what these two contribute to a mean of S runs. What the images contribute to all runs alike is the covariance of two
    different runs over resampled images (adding the variance of the resampled mean to ``s² / S`` would count
    seed × image twice, as in A. B. Owen, The pigeonhole bootstrap, 2007). So

        variance = s_a² / S_a + s_b² / S_b + max(0, c_aa + c_bb - 2 c_ab)

    with c the mean covariance over pairs of different runs; with paired seeds ``s_d² / S + max(0, c_dd)`` of the
    differences d. Degrees of freedom are those of F. E. Satterthwaite, An approximate distribution of estimates of
    variance components, 1946: ``variance² / Σ part² / df``, with S - 1 for each part of seeds and ``units - 1`` for the
    images. A side with a single run says nothing of seeds; its variance over images stands for its covariance.

    Args:
        ours: (S_a,), a statistic of each run.
        theirs: (S_b,).
        drawn_ours: (R, S_a), the same on resampled images.
        drawn_theirs: (R, S_b), on the same resamples.
        units: Number of units that were drawn from.
        paired: Run i of both sides shares its seed; then S_a = S_b.
    """
    if paired:
        sides, drawn = [ours - theirs], [drawn_ours - drawn_theirs]
    else:
        sides, drawn = [ours, theirs], [drawn_ours, drawn_theirs]
    parts = [(float(side.var(ddof=1)) / len(side), len(side) - 1) for side in sides if len(side) > 1]
    centred = [one - one.mean(0) for one in drawn]
    image = sum(_shared(one) for one in centred)
    if not paired:
        image -= 2 * float((centred[0].mean(1) * centred[1].mean(1)).sum()) / (len(centred[0]) - 1)
    image = max(image, 0.0)
    variance = sum(part for part, _ in parts) + image
    squares = sum(part**2 / df for part, df in parts) + image**2 / (units - 1)
    df = variance**2 / squares if squares else float(units - 1)
    return CrossedError(float(np.sqrt(variance)), float(df), variance - image, image)


def _shared(centred: NDArray[np.float64]) -> float:
    """Mean covariance of different columns, (R, S) → scalar; the variance of a single one."""
    count, runs = centred.shape
    of_sum = float((centred.sum(1) ** 2).sum())
    own = float((centred**2).sum())
    return (own if runs == 1 else (of_sum - own) / (runs * (runs - 1))) / (count - 1)


def compare_runs(
    ours: Sequence[Matches],
    theirs: Sequence[Matches],
    name: str = '',
    margin: float = MARGIN,
    resamples: int = 1000,
    seed: int = 0,
    units: ArrayLike | None = None,
    progress: Progress | None = None,
    *,
    paired: bool = False,
) -> list[Comparison]:
    """Compare two ways of training by runs that differ in their seeds.

    Interval, p-value and test of equality come from Student's t with the error of :func:`crossed_error`. With fewer
    than :data:`LEAST_SEEDS` runs on a side the numbers are given, and nothing is claimed.

    Args:
        ours: Matches of S_a runs.
        theirs: Matches of S_b runs on the same people.
        name: Of the comparison.
        margin: Smallest difference that matters.
        resamples: How many resamples of the images.
        seed: Of the resampling.
        units: As in :func:`posescope.evaluation.bootstrap.resample`.
        progress: Wraps the loop over resamples.
        paired: Run i of both sides shares its seed (initial weights, order of samples).

    Returns:
        One for each of COCO's ten statistics, to be judged by :func:`posescope.evaluation.comparison.judge`.

    Raises:
        InputError: Runs were not evaluated on the same people, or paired sides have different numbers of runs.
    """
    _check_pairs(len(ours), len(theirs), paired)
    runs = [*ours, *theirs]
    names = [f'run {i + 1} of {side}' for side, many in (('ours', ours), ('theirs', theirs)) for i in range(len(many))]
    check_same(runs, names)
    return compare_resampled(resample(runs, resamples, seed, units, progress), len(ours), name, margin, paired=paired)


def compare_resampled(
    found: Resamples, ours: int, name: str = '', margin: float = MARGIN, *, paired: bool = False
) -> list[Comparison]:
    """Compare two ways of training as :func:`compare_runs` does, by runs that were resampled before.

    Args:
        found: S_a + S_b runs on the same people, ours first.
        ours: S_a.
        name: Of the comparison.
        margin: Smallest difference that matters.
        paired: Run i of both sides shares its seed.

    Returns:
        One for each of COCO's ten statistics, not yet judged.

    Raises:
        InputError: Paired sides have different numbers of runs.
    """
    seeds = ours, len(found.values) - ours
    _check_pairs(*seeds, paired)
    values = found.values[:ours].mean(0) - found.values[ours:].mean(0)
    defined = ~np.isnan(found.drawn).any(1)
    reasons = refusals(np.where(defined, 0.0, np.nan), values, found.units)
    comparisons = []
    for s, statistic in enumerate(STATISTICS):
        mine, other, delta = known(found.values[:ours, s].mean(), found.values[ours:, s].mean(), values[s])
        one = Comparison(
            name,
            statistic,
            mine,
            other,
            delta,
            margin,
            int(found.units[s]),
            seeds,
            resamples=len(found.drawn),
            undefined=int((~defined[:, s]).sum()),
            reason=reasons[s],
        )
        if not one.reason:
            one = _with_error(one, found.values[:, s], found.drawn[defined[:, s], :, s], paired)
        comparisons.append(one)
    return comparisons


def _check_pairs(ours: int, theirs: int, paired: bool) -> None:
    if paired and ours != theirs:
        raise InputError(f'paired seeds take as many runs on either side, not {ours} and {theirs}')


def _with_error(one: Comparison, values: NDArray[np.float64], drawn: NDArray[np.float64], paired: bool) -> Comparison:
    """Give a comparison its interval, from a statistic of all runs, (M,), and of resampled images, (R, M)."""
    delta, seeds = one.delta, one.seeds
    assert delta is not None
    assert seeds is not None
    split = seeds[0]
    sure = crossed_error(values[:split], values[split:], drawn[:, :split], drawn[:, split:], one.units, paired=paired)
    half = float(stats.t.ppf(1 - ALPHA / 2, sure.df)) * sure.error
    p = zero_p(delta, sure.error, sure.df)
    one = one.with_error(delta - half, delta + half, sure.error, sure.df, p)
    return replace(one, reason=f'fewer than {LEAST_SEEDS} seeds') if min(seeds) < LEAST_SEEDS else one
