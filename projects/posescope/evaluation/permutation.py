"""A paired test of two models: would they differ as much if chance had dealt out each image's results?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from posescope.evaluation.average_precision import STATISTICS, AveragePrecision
from posescope.evaluation.bootstrap import Progress, statistics_row, unit_index
from posescope.evaluation.matching import Matches

__all__ = ['permutation_p', 'pool']

_TIE = 1e-12
"""Differences this close count as equal; sums in another order differ in the last digits."""


def permutation_p(
    ours: Matches,
    theirs: Matches,
    permutations: int = 1000,
    seed: int = 0,
    units: ArrayLike | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """Test whether two models differ.

    In each permutation every unit's results change hands with probability 1/2, and both sides get their exact average
    precision. The p-value is ``(1 + #{|difference| ≥ |observed|}) / (1 + permutations)`` (B. Phipson and G. K. Smyth,
    Permutation p-values should never be zero, 2010).

    Scores of two models may be on different scales, and mixed they would rank one model's detections first. So a
    detection goes by its rank among its own model's, which changes neither model's average precision.

    Args:
        ours: Matches of one model.
        theirs: Matches of the other on the same people.
        permutations: How many.
        seed: Of the dealing.
        units: As in :func:`posescope.evaluation.bootstrap.resample`.
        progress: Wraps the loop over permutations.

    Returns:
        (10,) two-sided p-values by statistic; NaN where one is not defined for both models.
    """
    unit, count = unit_index(ours, units)
    both = AveragePrecision(pool([ours, theirs]))
    generator = np.random.default_rng(seed)

    def difference(swapped: NDArray[np.bool_]) -> NDArray[np.float64]:
        dealt = np.stack([~swapped, swapped], axis=1)[unit]
        mine, other = (statistics_row(both, weights.astype(np.int32).ravel()) for weights in (dealt, ~dealt))
        return mine - other

    observed = np.abs(difference(np.zeros(count, bool)))
    larger, defined = np.zeros((2, len(STATISTICS)), int)
    for _ in (progress or iter)(range(permutations)):
        permuted = np.abs(difference(generator.random(count) < 0.5))
        larger += permuted >= observed - _TIE
        defined += ~np.isnan(permuted)
    return np.where(np.isnan(observed), np.nan, (1 + larger) / (1 + defined))


def pool(models: Sequence[Matches]) -> Matches:
    """Put the results of M models on the same I images side by side, as if they were results on I·M images.

    Weights of 0 and 1 on these images then evaluate any mixture of the models: image ``i`` of model ``m`` has index
    ``i·M + m``. Scores become negative ranks, 1 being the best of a model and category; equal ones stay equal.

    Args:
        models: Of the same people.
    """
    first, many = models[0], len(models)
    people = len(first.person_image)
    scores = np.concatenate([_negative_ranks(matches) for matches in models])
    image = np.concatenate([matches.image * many + m for m, matches in enumerate(models)])
    category = np.concatenate([matches.category for matches in models])
    person = np.concatenate(
        [np.where(matches.person < 0, -1, matches.person + people * m) for m, matches in enumerate(models)]
    )
    order = np.lexsort((-scores, image, category))
    return Matches(
        image_ids=np.arange(len(first.image_ids) * many),
        category_count=first.category_count,
        detection=order,
        image=image[order],
        category=category[order],
        scores=scores[order],
        person=person[order].astype(np.int32),
        ignored=np.concatenate([matches.ignored for matches in models])[order],
        person_image=np.concatenate([matches.person_image * many + m for m, matches in enumerate(models)]),
        person_category=np.tile(first.person_category, many),
        person_counted=np.tile(first.person_counted, (many, 1)),
        thresholds=first.thresholds,
    )


def _negative_ranks(matches: Matches) -> NDArray[np.float64]:
    ranks = np.empty(len(matches.scores))
    for category in range(matches.category_count):
        members = matches.category == category
        ranks[members] = -rankdata(-matches.scores[members], 'min')
    return ranks
