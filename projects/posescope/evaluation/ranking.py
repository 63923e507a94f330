"""What average precision sees of a score: the order into which it puts the detections, and nothing else.

A strictly rising map of the scores changes their calibration (:mod:`.calibration`) and not one digit of AP. Another
order does: here are those that other scores would give, up to the best one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.evaluation.average_precision import AveragePrecision
from posescope.evaluation.bootstrap import Interval, Progress, percentile_interval, refusals, resample
from posescope.evaluation.calibration import Pairs, instance_pairs
from posescope.evaluation.detections import Detections
from posescope.evaluation.diagnosis.scoring import best_similarities, optimal_scores
from posescope.evaluation.matching import match
from posescope.evaluation.people import People

__all__ = ['GIVEN', 'OPTIMAL', 'Ranking', 'instance_scores', 'rank_by']

GIVEN = 'as given'
"""Name of the score that the detections have."""
OPTIMAL = 'optimal'
"""Name of the score that is each detection's OKS, repetitions last."""


@dataclass(frozen=True)
class Ranking:
    """What an order of the detections is worth.

    Attributes:
        statistics: COCO's ten numbers; -1 where one is not defined.
        delta: AP compared with the first of the scores, with an interval over images that pairs both.
        spearman: Rank correlation of score and OKS (0 where nobody was found); None where one of them is constant.
        kendall: Kendall's tau-b of the same.
    """

    statistics: dict[str, float]
    delta: Interval
    spearman: float | None
    kendall: float | None


def instance_scores(
    people: People, detections: Detections, sigmas: ArrayLike, box_scores: NDArray[np.floating] | None = None
) -> dict[str, NDArray[np.floating]]:
    """Score detections in several ways.

    Args:
        people: The labelled people.
        detections: D detections.
        sigmas: (K,) spread of each joint relative to the root of the area.
        box_scores: (D,) scores of the boxes, where they are known; without them two of the scores are left out.

    Returns:
        Name -> (D,): as given, box score, joint × box score, joint score (the mean over joints), box size,
        optimal.
    """
    joints = detections.keypoints[..., 2].mean(1)
    best, _ = best_similarities(people, detections, sigmas)
    with_boxes = {} if box_scores is None else {'box score': box_scores, 'joint × box score': joints * box_scores}
    return {
        GIVEN: detections.scores,
        **with_boxes,
        'joint score': joints,
        'box size': detections.areas,
        OPTIMAL: optimal_scores(people, detections, best, sigmas),
    }


def rank_by(
    people: People,
    detections: Detections,
    sigmas: ArrayLike,
    scores: Mapping[str, NDArray[np.floating]],
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Ranking]:
    """Evaluate the same detections in the order of each score.

    Args:
        people: The labelled people.
        detections: D detections.
        sigmas: (K,) spread of each joint relative to the root of the area.
        scores: Name -> (D,); AP is compared with the first.
        resamples: Images are drawn this often.
        seed: Of the drawing.
        progress: Wraps the loop over resamples.
    """
    ranked = [replace(detections, scores=np.asarray(values, np.float64)) for values in scores.values()]
    matches = [match(people, one, sigmas) for one in ranked]
    drawn = resample(matches, resamples, seed, progress=progress, by_area=False)  # AP alone is compared
    ap, values = drawn.drawn[..., 0], drawn.values[:, 0]
    units = int(drawn.units[0])
    reason = refusals(ap[:, :1], values[:1], drawn.units[:1])[0]
    found = {}
    for place, name in enumerate(scores):
        delta = percentile_interval(values[place] - values[0], ap[:, place] - ap[:, 0], units, reason)
        pairs, _ = instance_pairs(people, ranked[place], np.asarray(sigmas))
        statistics = AveragePrecision(matches[place]).statistics()
        found[name] = Ranking(statistics, delta, *_correlations(pairs))
    return found


def _correlations(pairs: Pairs) -> tuple[float | None, float | None]:
    from scipy.stats import kendalltau, spearmanr

    if len(pairs) < 2 or np.ptp(pairs.scores) == 0 or np.ptp(pairs.qualities) == 0:
        return None, None
    return (
        float(spearmanr(pairs.scores, pairs.qualities).statistic),
        float(kendalltau(pairs.scores, pairs.qualities).statistic),
    )
