"""Whether two tests put models into the same order, say rendered people and COCO."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import permutation_test, rankdata, spearmanr

from posescope.errors import InputError

__all__ = ['LEAST_MODELS', 'RankAgreement', 'rank_agreement']

LEAST_MODELS = 4
"""With three, chance alone puts every third pair of orders at a correlation of 1 or -1."""
_DRAWS = 2000


@dataclass(frozen=True)
class RankAgreement:
    """How alike two orders of the same models are.

    Attributes:
        names: The M models, in the reference's order, best first.
        rho: Spearman's rank correlation of the mean over seeds and the reference; None where one side ties throughout.
        p: Probability of such a correlation, or one farther from zero, among all ways to pair the two lists.
        once: Interval that holds 95 % of the correlations if each model had been trained once, with one of its seeds.
        without: Smallest and largest correlation if any one model is left out.
    """

    names: tuple[str, ...]
    rho: float | None
    p: float | None
    once: tuple[float, float] | None
    without: tuple[float, float] | None


def rank_agreement(results: Mapping[str, Sequence[float]], reference: Mapping[str, float]) -> RankAgreement:
    """Compare orders of models by Spearman's rank correlation (ties share their mean rank).

    Args:
        results: By model, the result of each seed.
        reference: By model, one number, higher is better as in ``results``. Models that only one side has are left out.

    Raises:
        InputError: Fewer than four models are on both sides.
    """
    names = sorted(set(results) & set(reference), key=lambda name: (-reference[name], name))
    if len(names) < LEAST_MODELS:
        raise InputError(
            f'{len(names)} models are in both lists ({", ".join(names) or "none"}); orders of fewer than '
            f'{LEAST_MODELS} say nothing. One has {", ".join(results)}, the other {", ".join(reference)}'
        )
    means = np.array([np.mean(results[name]) for name in names])
    theirs = np.array([reference[name] for name in names], float)
    rho = _spearman(means, theirs)
    if rho is None:
        return RankAgreement(tuple(names), None, None, None, None)
    generator = np.random.default_rng(0)
    seeds = [generator.choice(np.asarray(results[name], float), _DRAWS) for name in names]
    once = _known(_spearman(np.array(drawn), theirs) for drawn in zip(*seeds, strict=True))
    kept = [[other for other in range(len(names)) if other != left] for left in range(len(names))]
    without = _known(_spearman(means[some], theirs[some]) for some in kept)
    return RankAgreement(
        names=tuple(names),
        rho=rho,
        p=_p(means, theirs),
        once=(float(np.quantile(once, 0.025)), float(np.quantile(once, 0.975))),
        without=(min(without), max(without)),
    )


def _spearman(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float | None:
    if np.ptp(ours) == 0 or np.ptp(theirs) == 0:
        return None
    return float(spearmanr(ours, theirs).statistic)


def _p(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """Exact up to eight models, 40 320 pairings; drawn pairings beyond."""
    ranks, others = rankdata(ours), rankdata(theirs)
    others = others - others.mean()
    found = permutation_test(
        (ranks,),
        lambda paired, axis: np.abs((paired * others).sum(axis=axis)),
        permutation_type='pairings',
        alternative='greater',
        vectorized=True,
        n_resamples=50_000,
        random_state=np.random.default_rng(0),
    )
    return float(found.pvalue)


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]
