"""COCO's greedy assignment of detections to people."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

UNMATCHED = -1
"""Stands in the matches where there is none; 0 is an id like any other."""


class Matches(NamedTuple):
    """Assignment at T thresholds.

    Attributes:
        detections: (T, D) id of the person that each detection was given.
        people: (T, G) id of the detection that each person was given.
        ignored: (T, D) whether a detection was given a person who does not count.
    """

    detections: np.ndarray
    people: np.ndarray
    ignored: np.ndarray


def match(
    overlaps: np.ndarray | None,
    thresholds: Sequence[float],
    person_ids: list[int],
    detection_ids: list[int],
    ignored: np.ndarray,
    crowd: list[bool],
) -> Matches:
    """Give each detection, best first, the person whom it overlaps most, at every threshold.

    Args:
        overlaps: (D, G) OKS or IoU, detections by descending score; None if there are none.
        thresholds: T least overlaps of a match.
        person_ids: G ids, people who do not count last.
        detection_ids: D ids.
        ignored: (G,) 1 for people who do not count.
        crowd: G times whether a region is a crowd, which may be given to several detections.
    """
    T, D, G = len(thresholds), len(detection_ids), len(person_ids)
    matches = Matches(
        detections=np.full((T, D), UNMATCHED, dtype=np.int64),
        people=np.full((T, G), UNMATCHED, dtype=np.int64),
        ignored=np.zeros((T, D), dtype=bool),
    )
    if overlaps is None:
        return matches
    for t, threshold in enumerate(thresholds):
        given = matches.people[t]
        for d in range(D):
            free = [g for g in range(G) if given[g] < 0 or crowd[g]]
            g = _best(overlaps[d], free, min(threshold, 1 - 1e-10), ignored)
            if g is not None:
                matches.detections[t, d] = person_ids[g]
                matches.ignored[t, d] = ignored[g]
                given[g] = detection_ids[d]
    return matches


def _best(overlaps: np.ndarray, free: list[int], threshold: float, ignored: np.ndarray) -> int | None:
    """Find the person to give: of equal ones the last, and one who does not count only if no other will do."""
    best = None
    for g in free:
        if best is not None and ignored[g] and not ignored[best]:
            break
        if not overlaps[g] < threshold:  # written so that NaN matches, as it does in COCO's code
            threshold, best = overlaps[g], g
    return best
