"""COCO's greedy assignment of detections to people, for all images, area ranges and thresholds at once."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.evaluation.detections import Detections
from posescope.evaluation.neighbours import pairs_on_image
from posescope.evaluation.people import People

__all__ = [
    'AREA_RANGES',
    'LEAST_OKS',
    'MAX_DETECTIONS',
    'THRESHOLDS',
    'Matches',
    'match',
    'on_images',
    'pair_similarities',
    'rank',
]

THRESHOLDS: NDArray[np.float64] = np.linspace(0.5, 0.95, 10)
"""Least OKS of a match."""
AREA_RANGES = {'all': (0.0, 1e10), 'medium': (32.0**2, 96.0**2), 'large': (96.0**2, 1e10)}
"""Areas in pixels² that people must have to count, ends included."""
LEAST_OKS = 0.1
"""OKS from which a detection is taken to mean a person, where errors are told apart (Ronchi and Perona, ICCV 2017)."""
MAX_DETECTIONS = 20
"""Most detections of a category on an image that count."""
_BY_DETECTION = ('detection', 'image', 'category', 'scores', 'person', 'ignored')
_BLOCK = 1 << 14
"""Pairs whose similarities are computed at once; few enough that they stay in the processor's cache."""


@dataclass(frozen=True)
class Matches:
    """Who was matched with whom, in A area ranges at T thresholds; all that average precision needs.

    Detections beyond the :data:`MAX_DETECTIONS` best of an image and category are not among the D here. The order is by
    category, then image, then descending score.

    Attributes:
        image_ids: (I,) ids of all images, ascending.
        category_count: Number of categories.
        detection: (D,) index of each in the :class:`Detections`.
        image: (D,) index into ``image_ids``.
        category: (D,) index of the category.
        scores: (D,) float64.
        person: (D, A, T) int32, index in the :class:`People`, or -1.
        ignored: (D, A, T), whether a detection counts neither as right nor as wrong: it was matched with somebody who
            does not count, or with nobody and its area is outside the range.
        person_image: (G,) index of the image of each person.
        person_category: (G,) index of the category of each person.
        person_counted: (G, A), whether a person counts.
        thresholds: (T,) least OKS of a match.
    """

    image_ids: NDArray[np.generic]
    category_count: int
    detection: NDArray[np.int64]
    image: NDArray[np.int64]
    category: NDArray[np.int64]
    scores: NDArray[np.float64]
    person: NDArray[np.int32]
    ignored: NDArray[np.bool_]
    person_image: NDArray[np.int64]
    person_category: NDArray[np.int64]
    person_counted: NDArray[np.bool_]
    thresholds: NDArray[np.float64]


def match(
    people: People,
    detections: Detections,
    sigmas: ArrayLike,
    thresholds: NDArray[np.float64] = THRESHOLDS,
    max_detections: int = MAX_DETECTIONS,
) -> Matches:
    """Give each detection, best first, the person whom it resembles most among those who are left.

    The rules are those of COCO's evaluation (https://cocodataset.org/#keypoints-eval): a person who counts goes before
    one who does not, between equal similarities the later one in the file wins, and a crowd is never used up.

    Args:
        people: G people.
        detections: All detections.
        sigmas: (K,) spread of each joint relative to the root of the area.
        thresholds: (T,) least OKS of a match.
        max_detections: Most detections of a category on an image.
    """
    order, place = rank(detections, len(people.image_ids), max_detections)
    detection, person = pairs_on_image(detections.image[order], detections.category[order], people)
    similarity = pair_similarities(people, detections, order[detection], person, sigmas)
    likely = similarity >= thresholds.min()
    detection, person, similarity = detection[likely], person[likely], similarity[likely]
    ranges = np.array(list(AREA_RANGES.values()))
    counted = ~people.ignored[:, None] & ~_outside(people.areas, ranges)
    found = np.full((len(order), len(ranges), len(thresholds)), -1, np.int32)
    limits = np.minimum(thresholds, 1 - 1e-10)
    for a in range(len(ranges)):
        _match_range(
            found[:, a],
            place,
            detection,
            person,
            similarity,
            counted[:, a],
            people.crowd,
            limits,
        )
    outside = _outside(detections.areas[order], ranges)[..., None]
    # Index -1 reads the last person's row, which `found < 0` then overrules.
    idle = ~counted if len(people) else np.zeros((1, len(ranges)), bool)
    ignored = np.where(found < 0, outside, idle[found, np.arange(len(ranges))[:, None]])
    return Matches(
        people.image_ids,
        len(people.category_ids),
        order,
        detections.image[order],
        detections.category[order],
        detections.scores[order],
        found,
        ignored,
        people.image,
        people.category,
        counted,
        thresholds,
    )


def on_images(matches: Matches, chosen: NDArray[np.bool_]) -> Matches:
    """Return what there is on some images; nobody counts and nothing was detected on the others.

    Args:
        matches: On I images.
        chosen: (I,), which of them.
    """
    rows = chosen[matches.image]
    parts = {name: getattr(matches, name)[rows] for name in _BY_DETECTION}
    return replace(matches, **parts, person_counted=matches.person_counted & chosen[matches.person_image][:, None])


def rank(detections: Detections, images: int, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order detections by category, image and descending score, equal scores as they stand, and keep the best.

    Returns:
        Indices of those that are kept, and their rank within image and category, from 0.
    """
    cell = detections.category * max(images, 1) + detections.image
    order = np.lexsort((-detections.scores, cell))
    place = np.arange(len(order)) - np.searchsorted(cell[order], cell[order], 'left')
    return order[place < most], place[place < most]


def pair_similarities(
    people: People, detections: Detections, detection: NDArray[np.int64], person: NDArray[np.int64], sigmas: ArrayLike
) -> NDArray[np.float64]:
    """OKS of pairs as COCO's evaluation defines it.

    A person without labelled joints (a crowd, say) is compared by how far joints lie outside the box, taken three times
    as wide and high.

    Args:
        people: G people.
        detections: D detections.
        detection: (P,) indices of detections.
        person: (P,) indices of people.
        sigmas: (K,) spread of each joint relative to the root of the area.

    Returns:
        (P,) mean over labelled joints of ``exp(-d² / (2 · area · (2σ)²))``.
    """
    variances = (np.asarray(sigmas) * 2) ** 2
    labelled = people.labelled
    counts = labelled.sum(1)
    joints = np.argsort(~labelled, axis=1, kind='stable')  # each person's labelled joints first
    areas = people.areas + np.spacing(1)
    similarity = np.empty(len(detection))
    # Pairs with the same number of joints side by side: to the last bit, the sum of a row depends on its length.
    for count in np.unique(counts[person]).tolist():
        pairs = np.flatnonzero(counts[person] == count)
        for block in np.split(pairs, range(_BLOCK, len(pairs), _BLOCK)):
            d, g = detection[block], person[block]
            if count:
                chosen = joints[g, :count]
                places = detections.keypoints[d[:, None], chosen, :2]
                offset, spread = places - people.keypoints[g[:, None], chosen, :2], variances[chosen]
            else:
                offset, spread = _beyond(detections.keypoints[d, :, :2], people.boxes[g]), variances
            exponent = (offset[..., 0] ** 2 + offset[..., 1] ** 2) / spread
            similarity[block] = np.exp(-exponent / areas[g, None] / 2).sum(1) / exponent.shape[1]
    return similarity


def _beyond(places: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far places lie outside of boxes of three times the size, (P, K, 2)."""
    corner, size = boxes[:, None, :2], boxes[:, None, 2:]
    return np.maximum(0, (corner - size) - places) + np.maximum(0, places - (corner + size * 2))


def _outside(areas: NDArray[np.float64], ranges: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N, A), whether areas lie outside of ranges."""
    return (areas[:, None] < ranges[:, 0]) | (areas[:, None] > ranges[:, 1])


def _match_range(
    found: NDArray[np.int32],
    place: NDArray[np.int64],
    detection: NDArray[np.int64],
    person: NDArray[np.int64],
    similarity: NDArray[np.float64],
    counted: NDArray[np.bool_],
    crowd: NDArray[np.bool_],
    thresholds: NDArray[np.float64],
) -> None:
    """Fill the matches of one area range, (D, T), from P pairs that are similar enough for the lowest threshold.

    Detections of one rank are on different images or of different categories, so they are matched side by side. Pairs
    are sorted so that each detection's best person comes last.
    """
    order = np.lexsort((person, similarity, counted[person], detection, place[detection]))
    detection, person, similarity = detection[order], person[order], similarity[order]
    good = similarity[:, None] >= thresholds
    taken = np.zeros((len(counted), len(thresholds)), bool)
    bounds = np.searchsorted(place[detection], np.arange(place.max(initial=-1) + 2))
    columns = np.arange(len(thresholds))
    for start, stop in pairwise(bounds.tolist()):
        if start == stop:
            continue
        free = good[start:stop] & ~taken[person[start:stop]]
        first = np.flatnonzero(np.diff(detection[start:stop], prepend=-1))
        best = np.maximum.reduceat(np.where(free, np.arange(start, stop)[:, None], -1), first)
        row, column = np.nonzero(best >= 0)
        chosen = person[best[row, column]]
        found[detection[start + first[row]], columns[column]] = chosen
        used = ~crowd[chosen]
        taken[chosen[used], column[used]] = True
