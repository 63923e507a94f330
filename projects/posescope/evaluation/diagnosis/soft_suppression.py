"""Gaussian soft suppression of detections that repeat a better one, on all images side by side."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.evaluation.detections import Detections, span_areas

__all__ = ['suppress_softly']

_WIDTH = 0.5


def suppress_softly(detections: Detections, scores: NDArray[np.float64], sigmas: ArrayLike) -> NDArray[np.float64]:
    """Lower each score by ``exp(−OKS² / .5)`` for every better detection on the image.

    Bodla et al., "Soft-NMS", ICCV 2017, with OKS for overlap, as the published code of Ronchi and Perona applies it to
    optimal scores. Better is who has the higher score after all suppressions so far.

    Args:
        detections: D detections.
        scores: (D,) to begin with.
        sigmas: (K,) spread of each joint relative to the root of the area.

    Returns:
        (D,)
    """
    scores = scores.astype(np.float64).copy()
    if not len(scores):
        return scores
    cell = detections.category * (detections.image.max() + 1) + detections.image
    order = np.argsort(cell, kind='stable')
    starts = np.flatnonzero(np.diff(cell[order], prepend=-1))
    counts = np.diff(starts, append=len(order))
    table = np.full((len(starts), counts.max()), -1)
    row, column = np.repeat(np.arange(len(starts)), counts), np.arange(len(order)) - np.repeat(starts, counts)
    table[row, column] = order
    places, variances = detections.keypoints[..., :2], (2 * np.asarray(sigmas, np.float64)) ** 2
    areas = span_areas(places)
    left = table >= 0
    while left.any():
        rows = np.flatnonzero(left.any(1))
        best = np.where(left[rows], scores[table[rows]], -np.inf).argmax(1)
        left[rows, best] = False
        which, column = np.nonzero(left[rows])
        better, worse = table[rows[which], best[which]], table[rows[which], column]
        offset = places[worse] - places[better]
        area = (areas[worse] + areas[better]) / 2 + np.spacing(1)
        oks = np.exp(-(offset**2).sum(-1) / variances / area[:, None] / 2).mean(1)
        scores[worse] *= np.exp(-(oks**2) / _WIDTH)
    return scores
