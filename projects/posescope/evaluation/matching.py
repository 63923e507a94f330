"""COCO's greedy assignment of detections to people, for all images, area ranges and thresholds at once."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.evaluation.detections import Detections
from posescope.evaluation.neighbours import pairs_on_image
from posescope.evaluation.pair_oks import pair_similarities
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


class _Pairs(NamedTuple):
    """(P,) detections in ascending order, ascending people of each, and their similarities."""

    detection: NDArray[np.int64]
    person: NDArray[np.int64]
    similarity: NDArray[np.float64]


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
    similarity = pair_similarities(people, detections, order[detection], person, sigmas, thresholds.min())
    likely = similarity >= thresholds.min()
    pairs = _Pairs(detection[likely], person[likely], similarity[likely])
    ranges = np.array(list(AREA_RANGES.values()))
    counted = ~people.ignored[:, None] & ~_outside(people.areas, ranges)
    shape = len(order), len(ranges), len(thresholds)
    ignored = np.repeat(_outside(detections.areas[order], ranges)[..., None], len(thresholds), axis=2)
    found = np.full(shape, -1, np.int32)
    _assign(found, ignored, pairs, place, counted, people.crowd, np.minimum(thresholds, 1 - 1e-10))
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
    order = np.arange(len(cell))
    if not _in_order(cell, detections.scores):
        order = np.lexsort((-detections.scores, cell))
        cell = cell[order]
    place = np.arange(len(cell)) - np.searchsorted(cell, cell, 'left')
    return order[place < most], place[place < most]


def _in_order(cell: NDArray[np.int64], scores: NDArray[np.float64]) -> bool:
    """Whether cells ascend and scores descend within each, as suppression leaves them."""
    further = cell[1:] > cell[:-1]
    return bool(np.all(further | (cell[1:] == cell[:-1]) & (scores[1:] <= scores[:-1])))


def _outside(areas: NDArray[np.float64], ranges: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N, A), whether areas lie outside of ranges."""
    return (areas[:, None] < ranges[:, 0]) | (areas[:, None] > ranges[:, 1])


def _assign(
    found: NDArray[np.int32],
    ignored: NDArray[np.bool_],
    pairs: _Pairs,
    place: NDArray[np.int64],
    counted: NDArray[np.bool_],
    crowd: NDArray[np.bool_],
    thresholds: NDArray[np.float64],
) -> None:
    """Fill in who is matched with whom.

    Detections of one rank are on different images or of different categories, so they are matched side by side, in all
    area ranges and at all thresholds at once.

    Args:
        found: (D, A, T), the person of each match.
        ignored: (D, A, T), whether that person does not count; as it was where there is no match.
        pairs: Those who are similar enough for the lowest threshold.
        place: (D,) rank within image and category.
        counted: (G, A), who counts.
        crowd: (G,).
        thresholds: (T,).
    """
    order = np.lexsort((pairs.similarity, place[pairs.detection] * len(place) + pairs.detection))
    detection, person, similarity = (values[order] for values in pairs)
    columns = counted.shape[1] * len(thresholds)
    found, ignored = found.reshape(len(place), columns), ignored.reshape(len(place), columns)
    counted = np.repeat(counted, len(thresholds), axis=1)
    # Each detection's best person comes last, and whoever counts goes before all who do not.
    ahead = np.where(counted, np.int32(len(order)), np.int32(0))
    taken = np.zeros_like(counted)
    bounds = np.searchsorted(place[detection], np.arange(place.max(initial=-1) + 2))
    for start, stop in pairwise(bounds.tolist()):
        if start == stop:
            continue
        those = person[start:stop]
        good = np.tile(similarity[start:stop, None] >= thresholds, columns // len(thresholds))
        worth = np.arange(start, stop, dtype=np.int32)[:, None] + ahead[those]
        first = np.flatnonzero(np.diff(detection[start:stop], prepend=-1))
        best = np.maximum.reduceat(np.where(good & ~taken[those], worth, -1), first)
        row, column = np.nonzero(best >= 0)
        chosen, matched = person[best[row, column] % len(order)], detection[start + first[row]]
        found[matched, column] = chosen
        ignored[matched, column] = ~counted[chosen, column]
        used = ~crowd[chosen]
        taken[chosen[used], column[used]] = True
