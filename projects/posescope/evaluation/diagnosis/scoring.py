"""Scores of whole detections: the best that could be, and how often the better detection of a person scores less."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.evaluation.detections import Detections
from posescope.evaluation.diagnosis.soft_suppression import suppress_softly
from posescope.evaluation.matching import LEAST_OKS, match, pair_similarities
from posescope.evaluation.neighbours import pairs_on_image
from posescope.evaluation.people import People

__all__ = ['ScoringErrors', 'best_similarities', 'optimal_scores', 'scoring_errors']


@dataclass(frozen=True)
class ScoringErrors:
    """How often scores prefer the worse of several detections of a person.

    Attributes:
        contested: People with several detections of an OKS of at least .1 whom these match best.
        wrong: Those of them whose best scored detection is not the one with the greatest OKS.
        lost_oks: Mean over ``wrong`` of the OKS that this costs; NaN if there are none.
    """

    contested: int
    wrong: int
    lost_oks: float


def best_similarities(
    people: People, detections: Detections, sigmas: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Find whom each detection matches best among those who count.

    Returns:
        (D,) the OKS, 0 where there is nobody on the image, and (D,) the index of the person, or -1.
    """
    best, whom = np.zeros(len(detections)), np.full(len(detections), -1, np.int64)
    detection, person = pairs_on_image(detections.image, detections.category, people, ~people.ignored)
    similarity = pair_similarities(people, detections, detection, person, sigmas)
    order = np.lexsort((similarity, detection))
    last = order[np.flatnonzero(np.diff(detection, append=len(detections)))] if len(order) else order
    best[detection[last]], whom[detection[last]] = similarity[last], person[last]
    return best, whom


def optimal_scores(
    people: People, detections: Detections, best: NDArray[np.float64], sigmas: ArrayLike, *, legacy: bool = False
) -> NDArray[np.float64]:
    """Score each detection by its OKS, and those that only repeat a better one below all others.

    Detections are matched at an OKS of .1 in the order of their greatest OKS; who is matched keeps the greatest OKS as
    score, the others get 0. At every threshold, detections that are right then stand before those that are not.

    Args:
        people: G people.
        detections: D detections.
        best: (D,) of :func:`best_similarities`.
        sigmas: (K,) spread of each joint relative to the root of the area.
        legacy: As the published code, which lowers the scores of repetitions by soft suppression instead.

    Returns:
        (D,)
    """
    if legacy:
        return suppress_softly(detections, best, sigmas)
    first = match(people, replace(detections, scores=best), sigmas, thresholds=np.array([LEAST_OKS]))
    repeated = np.ones(len(detections), bool)
    repeated[first.detection[first.person[:, 0, 0] >= 0]] = False
    similarity = best.copy()
    taken = np.flatnonzero((first.person[:, 0, 0] >= 0) & ~first.ignored[:, 0, 0])
    which = first.detection[taken]
    similarity[which] = pair_similarities(people, detections, which, first.person[taken, 0, 0], sigmas)
    return np.where(repeated, 0.0, similarity)


def scoring_errors(detections: Detections, best: NDArray[np.float64], whom: NDArray[np.int64]) -> ScoringErrors:
    """Count people whose best scored detection is not their best one.

    Args:
        detections: D detections.
        best: (D,) OKS of :func:`best_similarities`.
        whom: (D,) people of :func:`best_similarities`.
    """
    candidates = np.flatnonzero((whom >= 0) & (best >= LEAST_OKS))
    order = candidates[np.lexsort((best[candidates], detections.scores[candidates], whom[candidates]))]
    if not len(order):
        return ScoringErrors(0, 0, float('nan'))
    first = np.flatnonzero(np.diff(whom[order], prepend=-1))
    several = np.diff(first, append=len(order)) > 1
    preferred = best[order[np.append(first[1:], len(order)) - 1]]
    lost = (np.maximum.reduceat(best[order], first) - preferred)[several]
    wrong = lost > 0
    return ScoringErrors(
        int(several.sum()), int(wrong.sum()), float(lost[wrong].mean()) if wrong.any() else float('nan')
    )
