"""Two models on the same images: how large the difference is, how sure, and what may be said of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from posescope.evaluation.average_precision import STATISTICS
from posescope.evaluation.bootstrap import Progress, Resamples, percentile_interval, refusals, resample
from posescope.evaluation.matching import Matches
from posescope.evaluation.permutation import permutation_p
from posescope.evaluation.same_people import check_same
from posescope.evaluation.significance import detectable_delta, equality_p, holm

__all__ = ['ALPHA', 'MARGIN', 'Comparison', 'compare_models', 'detectable_of', 'judge']

MARGIN = 0.005
"""Smallest difference of an average precision that matters: half a point."""
ALPHA = 0.05
"""Risk of a false verdict."""


@dataclass(frozen=True)
class Comparison:
    """One statistic of ours minus theirs. What cannot be told is None.

    Attributes:
        name: Of the comparison.
        statistic: One of COCO's ten.
        ours: Its value, the mean over seeds.
        theirs: The same.
        delta: ours - theirs.
        margin: Smallest difference that matters.
        units: Units (images, or scenes of them) with people who count.
        seeds: Runs on either side; None if the question is about these very weights.
        resamples: How many resamples of the images were drawn.
        undefined: In how many of them the difference was not defined; they are left out.
        reason: Why nothing is claimed; empty if something may be.
        low: Lower end of the 95 % interval of the difference.
        high: Upper end.
        error: Standard error of the difference.
        df: Degrees of freedom of the error.
        p: p-value of no difference.
        p_holm: The same, corrected for all declared comparisons that were judged together.
        p_equal: p-value of a difference of ``margin`` or more.
        p_equal_holm: The same, corrected likewise.
        detectable: Smallest true difference that a repetition finds with a probability of 80 %.
        verdict: ``better``, ``worse``, ``equal within margin``, ``undecided``, ``no claim: …``, or ``not declared`` for
            a statistic that was not chosen beforehand; empty before :func:`judge`.
    """

    name: str
    statistic: str
    ours: float | None
    theirs: float | None
    delta: float | None
    margin: float
    units: int
    seeds: tuple[int, int] | None
    resamples: int
    undefined: int
    reason: str
    low: float | None = None
    high: float | None = None
    error: float | None = None
    df: float | None = None
    p: float | None = None
    p_holm: float | None = None
    p_equal: float | None = None
    p_equal_holm: float | None = None
    detectable: float | None = None
    verdict: str = ''

    def with_error(self, low: float, high: float, error: float, df: float, p: float) -> 'Comparison':
        """Return the same with an interval, and with what follows from the standard error."""
        assert self.delta is not None
        return replace(
            self,
            low=float(low),
            high=float(high),
            error=float(error),
            df=float(df),
            p=float(p),
            p_equal=equality_p(self.delta, error, self.margin, df),
            detectable=detectable_delta(error, df),
        )


def detectable_of(one: Comparison, together: int) -> float | None:
    """Smallest true difference that a repetition finds with a probability of 80 %.

    Args:
        one: A comparison.
        together: How many are corrected together, as in the first step of Holm's method.
    """
    if one.detectable is None or one.error is None or one.df is None:
        return None
    return detectable_delta(one.error, one.df, alpha=ALPHA / max(together, 1))


def compare_models(
    ours: Matches,
    theirs: Matches,
    name: str = '',
    margin: float = MARGIN,
    resamples: int = 1000,
    seed: int = 0,
    units: ArrayLike | None = None,
    progress: Progress | None = None,
    *,
    found: Resamples | None = None,
) -> list[Comparison]:
    """Compare two models as they are; nothing is said of how they were trained.

    The interval is a percentile bootstrap over images, drawn jointly for both; the p-value comes from as many
    permutations; equality is tested with the bootstrap's standard error.

    Args:
        ours: Matches of one model.
        theirs: Matches of the other.
        name: Of the comparison.
        margin: Smallest difference that matters.
        resamples: How many resamples, and how many permutations.
        seed: Of both.
        units: As in :func:`posescope.evaluation.bootstrap.resample`.
        progress: Wraps both loops.
        found: Both models, resampled before with the same settings; None resamples them now.

    Returns:
        One for each of COCO's ten statistics, not yet judged.

    Raises:
        InputError: The models were not evaluated on the same people.
    """
    check_same([ours, theirs], ['the first', 'the second'])
    if found is None:
        found = resample([ours, theirs], resamples, seed, units, progress)
    reasons = refusals(found.drawn[:, 0] - found.drawn[:, 1], found.values[0] - found.values[1], found.units)
    p = np.full(len(STATISTICS), np.nan)
    if not all(reasons):
        p = permutation_p(ours, theirs, resamples, seed, units, progress)
    return [_of_two(found, s, reasons[s], p[s], name, margin) for s in range(len(STATISTICS))]


def _of_two(found: Resamples, s: int, reason: str, p: float, name: str, margin: float) -> Comparison:
    """The comparison of two resampled models by statistic number ``s``."""
    mine, other = known(*found.values[:, s])
    delta, drawn = found.values[0, s] - found.values[1, s], found.drawn[:, 0, s] - found.drawn[:, 1, s]
    sure = percentile_interval(delta, drawn, int(found.units[s]), reason, 1 - ALPHA)
    one = Comparison(
        name,
        STATISTICS[s],
        mine,
        other,
        sure.value,
        margin,
        sure.units,
        seeds=None,
        resamples=sure.resamples,
        undefined=sure.undefined,
        reason=sure.reason,
    )
    if sure.low is None or sure.high is None or sure.error is None:
        return one
    return one.with_error(sure.low, sure.high, sure.error, sure.units - 1, p)


def known(*values: float) -> list[float | None]:
    """None for what is not defined."""
    return [None if np.isnan(value) else float(value) for value in values]


def judge(
    comparisons: Sequence[Comparison], declared: Sequence[str] = ('AP',), alpha: float = ALPHA
) -> list[Comparison]:
    """Say what may be said of comparisons that were declared beforehand, all of them together.

    A difference and equality are two questions, and the p-values of each are corrected by Holm's method. ``better`` and
    ``worse`` take a corrected p-value below ``alpha`` and an interval without zero, and go before ``equal within
    margin``: a difference can be both real and small.

    Args:
        comparisons: Every comparison that was made, also those with a result that is not convenient.
        declared: Statistics that were chosen before anyone saw the results.
        alpha: Risk of a false verdict.

    Returns:
        The same with ``p_holm``, ``p_equal_holm`` and ``verdict``.
    """
    tested = [i for i, one in enumerate(comparisons) if one.statistic in declared and None not in (one.p, one.p_equal)]
    p_holm, p_equal_holm = (
        dict(zip(tested, holm([getattr(comparisons[i], name) for i in tested]), strict=True))
        for name in ('p', 'p_equal')
    )
    judged = []
    for i, one in enumerate(comparisons):
        corrected = replace(one, p_holm=p_holm.get(i), p_equal_holm=p_equal_holm.get(i))
        judged.append(replace(corrected, verdict=_verdict(corrected, one.statistic in declared, alpha)))
    return judged


def _verdict(one: Comparison, declared: bool, alpha: float) -> str:
    if not declared:
        return 'not declared'
    if one.reason:
        return f'no claim: {one.reason}'
    assert one.low is not None
    assert one.high is not None
    assert one.p_holm is not None
    assert one.p_equal_holm is not None
    if one.p_holm < alpha and one.low > 0:
        return 'better'
    if one.p_holm < alpha and one.high < 0:
        return 'worse'
    return 'equal within margin' if one.p_equal_holm < alpha else 'undecided'
