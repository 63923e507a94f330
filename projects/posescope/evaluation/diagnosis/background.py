"""Detections of nobody and people without a detection: how many, and what AP would be without them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from posescope.evaluation.average_precision import AveragePrecision, PrecisionRecall
from posescope.evaluation.matching import Matches

__all__ = ['FalseDetections', 'count_false', 'curves_without_false_negatives', 'without_false_positives']


@dataclass(frozen=True)
class FalseDetections:
    """Numbers of people and detections that were not matched at a low OKS.

    Attributes:
        background: Detections that are about nobody.
        doubles: Detections of somebody who was matched with a better scored one.
        false_negatives: People without a detection.
        people: All who count.
        evaluated: Detections that were looked at: of each image and category the best, as COCO does.
    """

    background: int
    doubles: int
    false_negatives: int
    people: int
    evaluated: int


def count_false(low: Matches, best: NDArray[np.float64]) -> FalseDetections:
    """Count what was not matched.

    Args:
        low: Matches at one low OKS.
        best: (D,) greatest OKS of each detection with anybody who counts.
    """
    unmatched = (low.person[:, 0, 0] < 0) & ~low.ignored[:, 0, 0]
    near = best[low.detection] >= low.thresholds[0]
    counted = low.person_counted[:, 0]
    return FalseDetections(
        int((unmatched & ~near).sum()),
        int((unmatched & near).sum()),
        int((counted & ~_found(low)[:, 0, 0]).sum()),
        int(counted.sum()),
        len(low.detection),
    )


def without_false_positives(matches: Matches, low: Matches | None) -> Matches:
    """Ignore detections that are matched with nobody.

    Args:
        matches: Matches at COCO's thresholds.
        low: Matches of the same detections at one low OKS, which decides who is matched with nobody. With None each
            threshold decides for itself, as in the published code; badly placed joints then become false positives.
    """
    unmatched = matches.person < 0
    if low is not None:
        unmatched &= low.person < 0
    return replace(matches, ignored=matches.ignored | unmatched)


def curves_without_false_negatives(matches: Matches, low: Matches | None) -> PrecisionRecall:
    """Precision and recall if people who are matched with no detection were not there.

    Args:
        matches: Matches at COCO's thresholds.
        low: As of :func:`without_false_positives`. (Who is not matched at a low OKS is at no higher one.)
    """
    if low is not None:
        counted = matches.person_counted & _found(low)[..., 0]
        return AveragePrecision(replace(matches, person_counted=counted))()
    found = _found(matches)
    curves = []
    for t in range(len(matches.thresholds)):
        one = replace(
            matches,
            person=matches.person[..., t : t + 1],
            ignored=matches.ignored[..., t : t + 1],
            person_counted=matches.person_counted & found[..., t],
            thresholds=matches.thresholds[t : t + 1],
        )
        curves.append(AveragePrecision(one)())
    return PrecisionRecall(
        np.concatenate([one.precision for one in curves]),
        np.concatenate([one.recall for one in curves]),
        matches.thresholds,
    )


def _found(matches: Matches) -> NDArray[np.bool_]:
    """(G, A, T), whether a person is matched."""
    found = np.zeros((len(matches.person_counted), *matches.person.shape[1:]), bool)
    row, area, threshold = np.nonzero(matches.person >= 0)
    found[matches.person[row, area, threshold], area, threshold] = True
    return found
