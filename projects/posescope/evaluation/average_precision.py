"""COCO average precision and recall from matches, also of samples in which images occur several times or not at all."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posescope.evaluation.matching import AREA_RANGES, Matches

__all__ = ['CROWD_LEVELS', 'STATISTICS', 'AveragePrecision', 'PrecisionRecall']

RECALLS: NDArray[np.float64] = np.linspace(0.0, 1.0, 101)
"""Recalls at which precision is read."""
STATISTICS = ('AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR', 'AR .5', 'AR .75', 'AR (M)', 'AR (L)')
"""The ten numbers of COCO's keypoint evaluation, in its order and with MMPose's names."""
CROWD_LEVELS = {'AP(E)': (-np.inf, 0.2), 'AP(M)': (0.2, 0.8), 'AP(H)': (0.8, np.inf)}
"""CrowdPose: name of a statistic -> crowd index of the images that it is taken over, the lower end included."""
_AREAS = tuple(AREA_RANGES)


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision and recall by threshold, category and area range; -1 where there is nobody to find.

    Attributes:
        precision: (T, 101, C, A), greatest precision at this recall or a higher one.
        recall: (T, C, A), share of people found.
        thresholds: (T,) least OKS of a match.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    thresholds: NDArray[np.float64]

    def statistics(self) -> dict[str, float]:
        """COCO's ten numbers by :data:`STATISTICS`; -1 where one is not defined."""
        chosen: dict[str, tuple[Any, int]] = {
            '': (slice(None), 0),
            ' .5': (np.flatnonzero(np.isclose(self.thresholds, 0.5)), 0),
            ' .75': (np.flatnonzero(np.isclose(self.thresholds, 0.75)), 0),
            ' (M)': (slice(None), _AREAS.index('medium')),
            ' (L)': (slice(None), _AREAS.index('large')),
        }
        return {
            f'{measure}{which}': _mean_defined(values[rows][..., area])
            for measure, values in (('AP', self.precision), ('AR', self.recall))
            for which, (rows, area) in chosen.items()
        }


@dataclass(frozen=True)
class _Curve:
    """What a precision-recall curve of one category, area range and threshold is made of.

    Precision can only peak where a person is found, so only those detections are visited. The number of detections
    that count up to there is that of the category's detections within the area range, corrected by the few that count
    although they are outside, or do not count although they are inside.

    Attributes:
        hits: Positions of the right detections among the category's ranked ones.
        upto: For each hit, how many of the corrections stand before or at it.
        corrections: Positions of the detections to correct for.
        signs: 1 for those to add, -1 for those to take away.
    """

    hits: NDArray[np.int64]
    upto: NDArray[np.int64]
    corrections: NDArray[np.int64]
    signs: NDArray[np.int8]


class AveragePrecision:
    """Computes COCO's statistics from matches, over all images or over any weighting of them.

    Preparing it takes as long as one evaluation; each further weighting, as a bootstrap has thousands of, then takes
    milliseconds and gives exactly the numbers of an evaluation in which each image stands as often as its weight says.
    (Between detections of equal score, the copies of one image stand together.)

    Args:
        matches: Result of :func:`posescope.evaluation.matching.match`.
        by_area: Whether medium and large people are evaluated by themselves, too; a third of the time without, and
            their statistics are not defined.
    """

    def __init__(self, matches: Matches, by_area: bool = True) -> None:
        self._matches = matches
        self._area_count = len(_AREAS) if by_area else 1
        self._categories = [self._prepare(category) for category in range(matches.category_count)]

    def _prepare(self, category: int) -> tuple[NDArray[np.int64], list[tuple[NDArray[np.bool_], list[_Curve]]]]:
        """Rank the detections of a category and take down the curves of each area range."""
        matches = self._matches
        members = np.flatnonzero(matches.category == category)
        ranked = members[np.argsort(-matches.scores[members], kind='stable')]
        # (A, T, D): what is looked at together lies together.
        found, ignored = (
            np.ascontiguousarray(flags.take(ranked, axis=0).transpose(1, 2, 0))
            for flags in (matches.person[:, : self._area_count] >= 0, matches.ignored[:, : self._area_count])
        )
        areas = []
        for found_in, ignored_in in zip(found, ignored, strict=True):
            # An unmatched detection is ignored if it is outside the range, at any threshold.
            inside = ~(ignored_in & ~found_in).any(0)
            curves = []
            for hit, counts in zip(found_in, ~ignored_in, strict=True):
                hits = np.flatnonzero(hit & counts)
                corrections = np.flatnonzero(counts != inside)
                signs = np.where(counts[corrections], 1, -1).astype(np.int8)
                curves.append(_Curve(hits, np.searchsorted(corrections, hits, 'right'), corrections, signs))
            areas.append((inside, curves))
        return matches.image[ranked], areas

    def __call__(self, weights: NDArray[np.integer] | None = None) -> PrecisionRecall:
        """Compute precision and recall.

        Args:
            weights: (I,) how often each image counts; None counts each once.
        """
        matches = self._matches
        shape = len(matches.thresholds), matches.category_count, matches.person_counted.shape[1]
        precision = np.full((shape[0], len(RECALLS), *shape[1:]), -1.0)
        recall = np.full(shape, -1.0)
        for category, area, people, curves in self._people(weights):
            if people == 0:
                continue
            for t, (found, counted) in enumerate(curves):
                precision[t, :, category, area], recall[t, category, area] = _interpolate(found, counted, people)
        return PrecisionRecall(precision, recall, matches.thresholds)

    def statistics(self, weights: NDArray[np.integer] | None = None) -> dict[str, float]:
        """COCO's ten numbers, see :meth:`PrecisionRecall.statistics`."""
        return self(weights).statistics()

    def _people(self, weights: NDArray[np.integer] | None) -> Iterator[tuple[int, int, int, Iterator[tuple]]]:
        """Yield category, area range, number of people who count, and the counts along each threshold's curve."""
        matches = self._matches
        for category, (image, areas) in enumerate(self._categories):
            weight = np.ones(len(image), np.int32) if weights is None else np.asarray(weights, np.int32)[image]
            for area, (inside, curves) in enumerate(areas):
                counted = matches.person_counted[:, area] & (matches.person_category == category)
                chosen = matches.person_image[counted]
                people = len(chosen) if weights is None else int(weights[chosen].sum())
                total = np.cumsum(weight * inside, dtype=np.int32)
                yield category, area, people, (_counts(curve, weight, total) for curve in curves)


def _counts(curve: _Curve, weight: NDArray[np.int32], total: NDArray[np.int32]) -> tuple[NDArray, NDArray]:
    """Number of people found, and of detections that count, at each hit."""
    corrections = np.zeros(len(curve.corrections) + 1, np.int32)
    np.cumsum(weight[curve.corrections] * curve.signs, out=corrections[1:])
    return np.cumsum(weight[curve.hits], dtype=np.int32), total[curve.hits] + corrections[curve.upto]


def _interpolate(found: NDArray, counted: NDArray, people: int) -> tuple[NDArray[np.float64], float]:
    """Read the greatest precision at or beyond each of :data:`RECALLS`.

    Returns:
        (101,) precisions, and the greatest recall.
    """
    precision = np.zeros(len(RECALLS))
    if not len(found) or found[-1] == 0:
        return precision, 0.0
    recall = found / people
    best = found / np.maximum(counted, 1)
    np.maximum.accumulate(best[::-1], out=best[::-1])
    place = np.searchsorted(recall, RECALLS, 'left')
    reached = place < len(best)
    precision[reached] = best[place[reached]]
    return precision, float(recall[-1])


def _mean_defined(values: NDArray[np.float64]) -> float:
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else -1.0
