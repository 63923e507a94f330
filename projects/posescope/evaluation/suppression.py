"""Suppression of people who were detected twice, by object keypoint similarity, for all images at once."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ['oks_nms']

_BLOCK = 1 << 16
"""Pairs whose similarities are computed at once."""
_ROUNDING = 0.01
"""More than rounding can change an exponent."""


def oks_nms(
    image: NDArray[np.int64],
    keypoints: NDArray[np.floating],
    areas: NDArray[np.floating],
    scores: NDArray[np.floating],
    sigmas: ArrayLike,
    threshold: float,
) -> NDArray[np.int64]:
    """Keep, image by image and best first, detections that resemble none that is kept more than ``threshold``.

    The same as MMPose's ``oks_nms`` on each image, to the bit: similarities have the precision of the arguments, and of
    equal scores the order is that of ``argsort()[::-1]``.

    Args:
        image: (D,) which image each is on, in ascending order.
        keypoints: (D, K, ≥ 2), image pixels.
        areas: (D,), pixels².
        scores: (D,).
        sigmas: (K,) spread of each joint relative to the root of the area.
        threshold: Greatest similarity of two that are both kept.

    Returns:
        Indices of those kept, image by image, best first.
    """
    if not len(image):
        return np.zeros(0, np.int64)
    starts = np.flatnonzero(np.diff(image, prepend=image[0] - 1))
    counts = np.diff(starts, append=len(image))
    order = _best_first(image, scores, starts, counts)
    places, areas, sigmas = keypoints.take(order, axis=0)[..., :2], areas[order], np.asarray(sigmas)
    better, worse = _near(places, areas, sigmas, np.repeat(starts + counts - 1, counts), threshold)
    similar = _similarities(places, areas, sigmas, better, worse) > np.float32(threshold)
    kept = np.ones(len(image), bool)
    for first, second in zip(better[similar].tolist(), worse[similar].tolist(), strict=True):
        if kept[first]:
            kept[second] = False
    return order[kept]


def _best_first(
    image: NDArray[np.int64], scores: NDArray[np.floating], starts: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Sort each image's detections as ``argsort()[::-1]`` of its scores alone does, all images at once.

    Only between equal scores does the algorithm decide, so images that have some are sorted one by one.
    """
    order = np.lexsort((-scores, image))
    equal = (np.diff(scores[order]) == 0) & (np.diff(image) == 0)
    place = np.searchsorted(starts, np.flatnonzero(equal), 'right') - 1
    for start, count in zip(starts[np.unique(place)], counts[np.unique(place)], strict=True):
        order[start : start + count] = start + scores[start : start + count].argsort()[::-1]
    return order


def _near(
    places: NDArray[np.floating],
    areas: NDArray[np.floating],
    sigmas: NDArray[np.floating],
    last: NDArray[np.int64],
    threshold: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List pairs on the same image, without most of those whose OKS cannot be above the threshold.

    Most pairs are different people, and a few joints tell: an OKS of .9 over 17 joints leaves no room for two that are
    far apart, whatever the others do.

    Args:
        places: (D, K, 2), image by image, best first.
        areas: (D,).
        sigmas: (K,).
        last: (D,) index of the last one on the same image.
        threshold: Of the OKS.

    Returns:
        (P,) indices of the better ones, ascending, and (P,) indices of the worse ones.
    """
    joints = places.shape[1]
    # So many that one of them has to contribute more than `least` even if all others contribute 1.
    few = min(joints, max(1, int(joints * (1 - threshold) + 1.25)))
    least = (joints * threshold - (joints - few)) / few
    farthest = np.inf if least <= 0 else max(0, -np.log(least)) + _ROUNDING
    reach = farthest * (areas.astype(np.float64) + np.spacing(1))
    telling = np.argsort(sigmas, kind='stable')[:few]  # where the spread is least, they tell best
    x, y = (np.ascontiguousarray(places[:, telling, axis].T) for axis in (0, 1))
    variances = ((sigmas[telling] * 2) ** 2).tolist()
    first, found = np.arange(len(places)), []
    for apart in range(1, len(places)):
        first = first[first + apart <= last[first]]
        second = first + apart
        if not len(first):
            break
        squares = [
            ((x[k, second] - x[k, first]) ** 2 + (y[k, second] - y[k, first]) ** 2) / variances[k] for k in range(few)
        ]
        near = np.minimum.reduce(squares) <= reach[first] + reach[second]
        found.append(np.stack([first[near], second[near]]))
    pairs = np.concatenate(found, axis=1) if found else np.zeros((2, 0), np.int64)
    better, worse = pairs[:, np.argsort(pairs[0], kind='stable')]
    return better, worse


def _similarities(
    places: NDArray[np.floating],
    areas: NDArray[np.floating],
    sigmas: NDArray[np.floating],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
) -> NDArray[np.float32]:
    """OKS of pairs, (P,), in the precision of the places."""
    variances = (sigmas * 2) ** 2
    found = np.empty(len(first), np.float32)
    for start in range(0, len(first), _BLOCK):
        block = slice(start, start + _BLOCK)
        i, j = first[block], second[block]
        area = (areas[i] + areas[j]).astype(np.float64) / 2 + np.spacing(1)
        offset = places[j] - places[i]
        exponent = (offset[..., 0] ** 2 + offset[..., 1] ** 2) / variances
        exponent = exponent / area[:, None].astype(exponent.dtype) / 2
        found[block] = np.exp(-exponent).sum(1) / places.shape[1]
    return found
