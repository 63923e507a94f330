"""The best places that a model's scores propose for each joint, as few numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import maximum_filter

from posescope.evaluation.predictions import as_array

__all__ = ['PEAKS', 'heatmap_peaks', 'peaks_of_sample', 'simcc_peaks', 'to_image']

PEAKS = 3
"""How many are kept of each joint."""
_APART = 24
"""Peaks are at least this part of the narrower side apart: a Gaussian of a label is about as wide."""


def heatmap_peaks(heatmaps: NDArray[np.floating]) -> NDArray[np.float64]:
    """Find the highest local maxima of heatmaps.

    Args:
        heatmaps: (K, H, W).

    Returns:
        (K, 3, 2), x and y in pixels of the heatmaps, best first; NaN where there are fewer.
    """
    joints, height, width = heatmaps.shape
    size = 2 * _radius(min(height, width)) + 1
    flat = _maxima(heatmaps, (1, size, size)).reshape(joints, -1)
    place, real = _best(flat)
    return np.where(real[..., None], np.stack([place % width, place // width], -1), np.nan)


def simcc_peaks(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float64]:
    """Find the places with the greatest product of both axes' scores, each a local maximum of its axis.

    Args:
        x: (K, Wx) scores along x.
        y: (K, Wy) scores along y.

    Returns:
        (K, 3, 2), bins of x and y, best first; NaN where there are fewer.
    """
    (place_x, real_x), (place_y, real_y) = (_best(_maxima(one, (1, 2 * _radius(one.shape[1]) + 1))) for one in (x, y))
    score_x, score_y = np.take_along_axis(x, place_x, 1), np.take_along_axis(y, place_y, 1)
    # Scores may be below 0, whose product would be above; shifted ones keep their order along each axis.
    shifted = [one - np.minimum(one.min(1, keepdims=True), 0) for one in (score_x, score_y)]
    product = shifted[0][:, :, None] * shifted[1][:, None, :]
    product[~(real_x[:, :, None] & real_y[:, None, :])] = -np.inf
    place, real = _best(product.reshape(len(x), -1))
    column, row = place // PEAKS, place % PEAKS
    found = np.stack([np.take_along_axis(place_x, column, 1), np.take_along_axis(place_y, row, 1)], -1)
    return np.where(real[..., None], found, np.nan)


def to_image(
    peaks: NDArray[np.float64], size: tuple[int, int], center: ArrayLike, scale: ArrayLike
) -> NDArray[np.float64]:
    """Map places on a model's output to image pixels.

    Args:
        peaks: (K, 3, 2), x and y on the output.
        size: Width and height of the output.
        center: (2,) centre of what the model saw, image pixels.
        scale: (2,) width and height of what the model saw, image pixels.
    """
    return np.asarray(center) + (peaks / np.asarray(size) - 0.5) * np.asarray(scale)


def peaks_of_sample(sample: Mapping[str, Any]) -> NDArray[np.float32] | None:
    """Take the peaks of a top-down model's output.

    Args:
        sample: A data sample of MMPose as a dict, with ``keypoint_x_labels`` and ``keypoint_y_labels`` in
            ``pred_instances`` or ``heatmaps`` in ``pred_fields``, as heads give them with ``output_heatmaps=True``, and
            ``input_center`` and ``input_scale``.

    Returns:
        (K, 3, 2), image pixels; None if the sample has no scores, or not of one person.
    """
    predicted, fields = sample.get('pred_instances', {}), sample.get('pred_fields', {})
    if 'input_center' not in sample or 'input_scale' not in sample or len(predicted.get('keypoints', ())) != 1:
        return None
    if 'keypoint_x_labels' in predicted:
        x, y = (as_array(predicted[f'keypoint_{axis}_labels'])[0] for axis in 'xy')
        peaks, size = simcc_peaks(x, y), (x.shape[1], y.shape[1])
    elif fields is not None and 'heatmaps' in fields:
        heatmaps = as_array(fields['heatmaps'])
        peaks, size = heatmap_peaks(heatmaps), (heatmaps.shape[2], heatmaps.shape[1])
    else:
        return None
    if len(peaks) != predicted['keypoints'].shape[1]:
        return None
    region = sample['input_center'], sample['input_scale']
    ways = [to_image(peaks, size, *region)]
    if min(size) > 1:  # unbiased codecs spread the cells' centres over the whole input
        ways.append(to_image(peaks, (size[0] - 1, size[1] - 1), *region))
    places = as_array(predicted['keypoints'])[0, :, :2]
    return min(ways, key=lambda way: _distance(way[:, 0], places)).astype(np.float32)


def _distance(peaks: NDArray[np.float64], places: NDArray[Any]) -> float:
    """How far a codec's places are from the first peaks, which tells how it maps cells; infinite without any."""
    known = np.isfinite(peaks).all(1)
    return float(np.median(np.linalg.norm(peaks[known] - places[known], axis=1))) if known.any() else np.inf


def _radius(size: int) -> int:
    return max(1, round(size / _APART))


def _maxima(scores: NDArray[np.floating], window: tuple[int, ...]) -> NDArray[np.floating]:
    """Keep local maxima and put −∞ everywhere else; a level map has none."""
    highest = maximum_filter(scores, window, mode='nearest')
    lowest = scores.min(tuple(range(1, scores.ndim)), keepdims=True)
    return np.where((scores == highest) & (scores > lowest), scores, -np.inf)


def _best(scores: NDArray[np.floating]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(K, N) → (K, 3) places of the greatest, best first, and whether they are real."""
    if scores.shape[1] < PEAKS:
        scores = np.pad(scores, ((0, 0), (0, PEAKS - scores.shape[1])), constant_values=-np.inf)
    place = np.argsort(-scores, axis=1, kind='stable')[:, :PEAKS]
    return place, np.isfinite(np.take_along_axis(scores, place, 1))
