"""Suppression of people who were detected twice, by object keypoint similarity, for all images at once."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ['oks_nms']

_BLOCK = 1 << 16


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
    place = np.arange(len(image)) - np.repeat(starts, counts)
    later = np.repeat(counts, counts) - place - 1
    first = np.repeat(np.arange(len(image)), later)
    second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(later) - later, later)
    similar = _similar(keypoints[order, :, :2], areas[order], np.asarray(sigmas), first, second, threshold)
    kept = np.ones(len(image), bool)
    for better, worse in zip(first[similar].tolist(), second[similar].tolist(), strict=True):
        if kept[better]:
            kept[worse] = False
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


def _similar(
    places: NDArray[np.floating],
    areas: NDArray[np.floating],
    sigmas: NDArray[np.floating],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    threshold: float,
) -> NDArray[np.int64]:
    """Find the pairs with an OKS above the threshold.

    Most pairs are different people. A few joints tell: with the others at 1, the mean would still be too low.
    """
    joints = places.shape[1]
    variances = (sigmas * 2) ** 2
    # Twice as many as it takes if they are all far away. The least spread come first: they tell soonest.
    few = min(joints, 2 * (int(joints * (1 - threshold)) + 1))
    telling = np.argsort(variances, kind='stable')[:few]
    x, y = (np.ascontiguousarray(places[..., axis]) for axis in (0, 1))
    x_few, y_few = x[:, telling], y[:, telling]
    found = []
    for start in range(0, len(first), _BLOCK):
        i, j = first[start : start + _BLOCK], second[start : start + _BLOCK]
        area = (areas[i] + areas[j]).astype(np.float64) / 2 + np.spacing(1)
        if few < joints:
            exponent = ((x_few[j] - x_few[i]) ** 2 + (y_few[j] - y_few[i]) ** 2) / variances[telling]
            bound = np.exp(-exponent / area[:, None].astype(exponent.dtype) / 2).sum(1) + (joints - few)
            maybe = np.flatnonzero(bound > joints * threshold - 1e-3)
            i, j, area = i[maybe], j[maybe], area[maybe]
        else:
            maybe = np.arange(len(i))
        exponent = ((x[j] - x[i]) ** 2 + (y[j] - y[i]) ** 2) / variances
        exponent = exponent / area[:, None].astype(exponent.dtype) / 2
        similarity = (np.exp(-exponent).sum(1) / joints).astype(np.float32)
        found.append(start + maybe[similarity > np.float32(threshold)])
    return np.concatenate(found) if found else np.zeros(0, np.int64)
