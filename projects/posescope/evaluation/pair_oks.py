"""OKS of many detections with many people, pair by pair, as COCO's evaluation defines it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.evaluation.detections import Detections
from posescope.evaluation.people import People

__all__ = ['pair_similarities']

_BLOCK = 1 << 12
"""Pairs whose similarities are computed at once; few enough that they stay in the processor's cache."""
_Exponents = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]
"""From the indices of P detections and people to (P, L), squared distances over variances."""


def pair_similarities(
    people: People,
    detections: Detections,
    detection: NDArray[np.int64],
    person: NDArray[np.int64],
    sigmas: ArrayLike,
    least: float = 0.0,
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
        least: Lower similarities do not matter: most of them are given as 0, which takes less time.

    Returns:
        (P,) mean over labelled joints of ``exp(-d² / (2 · area · (2σ)²))``.
    """
    variances: NDArray[Any] = (np.asarray(sigmas) * 2) ** 2
    labelled = people.labelled
    counts = labelled.sum(1)
    of_pair = counts[person]
    similarity = np.zeros(len(detection))
    # Pairs with the same number of joints side by side: to the last bit, the sum of a row depends on its length.
    for count in np.flatnonzero(np.bincount(of_pair)).tolist():
        members = np.flatnonzero(counts == count)
        row = np.zeros(len(people), np.int64)
        row[members] = np.arange(len(members))
        if count:
            joints = np.nonzero(labelled[members])[1].reshape(-1, count)
            exponents = _to_joints(detections.keypoints, people.keypoints[members], joints, variances)
        else:
            exponents = _to_boxes(detections.keypoints, people.boxes[members], variances)
        areas = people.areas[members] + np.spacing(1)
        pairs = np.flatnonzero(of_pair == count)
        for block in np.split(pairs, range(_BLOCK, len(pairs), _BLOCK)):
            of_member = row[person[block]]
            exponent = exponents(detection[block], of_member) / areas[of_member, None] / 2
            if least > 0:
                near = _may_reach(exponent, least)
                block, exponent = block[near], exponent[near]
            similarity[block] = np.exp(-exponent).sum(1) / exponent.shape[1]
    return similarity


def _may_reach(exponent: NDArray[np.float64], least: float) -> NDArray[np.int64]:
    """Indices of the rows of (P, L) exponents whose ``exp(-exponent).mean()`` is not surely less than ``least``.

    From 0 to an end e, a chord lies above the convex exp(-x), and exp(-e) above all beyond: the mean is at most
    1 - slope · mean(min(x, e)). Exponentials of large exponents take ten times as long as that.
    """
    end = 2 - np.log(least)
    slope = (1 - np.exp(-end)) / end
    return np.flatnonzero(np.minimum(exponent, end).sum(1) <= exponent.shape[1] * ((1 - least) / slope + 1e-6))


def _to_joints(
    places: NDArray[np.float64], truth: NDArray[np.float64], joints: NDArray[np.int64], variances: NDArray[np.floating]
) -> _Exponents:
    """Compare with the labelled joints of N people.

    Args:
        places: (D, K, 3), of detections.
        truth: (N, K, 3), of people.
        joints: (N, L), the labelled joints of each.
        variances: (K,).
    """
    _, count, width = places.shape
    flat = places.reshape(-1)
    columns, spread = joints * width, variances[joints]
    x, y = (np.take_along_axis(truth[..., axis], joints, axis=1) for axis in (0, 1))

    def exponents(detection: NDArray[np.int64], person: NDArray[np.int64]) -> NDArray[np.float64]:
        # Whole rows and flat indices are taken ten times as fast as by an index for each axis.
        index = np.take(columns, person, axis=0) + (detection * (count * width))[:, None]
        across = flat.take(index) - np.take(x, person, axis=0)
        down = flat[1:].take(index) - np.take(y, person, axis=0)
        return (across**2 + down**2) / np.take(spread, person, axis=0)

    return exponents


def _to_boxes(places: NDArray[np.float64], boxes: NDArray[np.float64], variances: NDArray[np.floating]) -> _Exponents:
    """Compare with N boxes of three times the size.

    Args:
        places: (D, K, 3), of detections.
        boxes: (N, 4).
        variances: (K,).
    """
    low = boxes[:, :2] - boxes[:, 2:]
    high = boxes[:, :2] + boxes[:, 2:] * 2

    def exponents(detection: NDArray[np.int64], person: NDArray[np.int64]) -> NDArray[np.float64]:
        chosen = np.take(places, detection, axis=0)
        squares = []
        for axis in (0, 1):
            place = chosen[..., axis]
            beyond = np.maximum(0, low[person, axis, None] - place) + np.maximum(0, place - high[person, axis, None])
            squares.append(beyond**2)
        return (squares[0] + squares[1]) / variances

    return exponents
