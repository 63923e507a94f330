"""Shares of joints with intervals that know that joints on one image go together."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

__all__ = ['LEAST_IMAGES', 'Share', 'difference', 'share']

LEAST_IMAGES = 50
"""With fewer images there is no interval and no test."""


class Share(NamedTuple):
    """A part of a whole.

    Attributes:
        part: Its members.
        whole: Members of the whole.
        value: Their ratio; NaN without a whole.
        low: Lower end of the 95 % interval; NaN under :data:`LEAST_IMAGES` images.
        high: Upper end.
        images: Number of images with members of the whole.
    """

    part: int
    whole: int
    value: float
    low: float
    high: float
    images: int


def share(counts: NDArray[np.integer], totals: NDArray[np.integer]) -> Share:
    """Estimate a share over images.

    The variance is that of a ratio of two sums over images, ``m/(m−1) · Σ(cᵢ − p·nᵢ)² / (Σn)²`` (Cochran, Sampling
    Techniques, 1977, section 6.3). It gives an effective number of joints, with which Wilson's interval is taken, so
    that the ends stay within 0 and 1 (Korn and Graubard, 1998, compare such intervals). A share of exactly 0 or 1 has
    no variance to estimate; then each image counts as one joint.

    Args:
        counts: (I,) members of the part on each image.
        totals: (I,) members of the whole on each image.
    """
    images, count, total = int((totals > 0).sum()), int(counts.sum()), int(totals.sum())
    if total == 0:
        return Share(count, total, np.nan, np.nan, np.nan, images)
    value = count / total
    if images < LEAST_IMAGES:
        return Share(count, total, value, np.nan, np.nan, images)
    variance = images / (images - 1) * float(((counts - value * totals) ** 2).sum()) / total**2
    effective = min(value * (1 - value) / variance, total) if variance > 0 else float(images)
    z = stats.t.ppf(0.975, images - 1)
    centre = (value + z**2 / (2 * effective)) / (1 + z**2 / effective)
    half = z / (1 + z**2 / effective) * np.sqrt(value * (1 - value) / effective + z**2 / (4 * effective**2))
    return Share(count, total, value, max(0.0, float(centre - half)), min(1.0, float(centre + half)), images)


def difference(
    counts: NDArray[np.integer],
    totals: NDArray[np.integer],
    other_counts: NDArray[np.integer],
    other_totals: NDArray[np.integer],
) -> tuple[float, float]:
    """Compare two shares on the same images.

    Args:
        counts: (I,) members of the first part on each image.
        totals: (I,) members of the first whole on each image.
        other_counts: (I,) of the second.
        other_totals: (I,) of the second.

    Returns:
        First minus second, and the two-sided p of a t test on the linearised difference with images as units; NaN for
        both without members, NaN for p if one has members on fewer than :data:`LEAST_IMAGES` images or nothing varies.
        A part that never occurs varies on no image, so the variance is at least that of independent joints with one
        common share.
    """
    if totals.sum() == 0 or other_totals.sum() == 0:
        return np.nan, np.nan
    first, second = counts.sum() / totals.sum(), other_counts.sum() / other_totals.sum()
    gap = float(first - second)
    if min((totals > 0).sum(), (other_totals > 0).sum()) < LEAST_IMAGES:
        return gap, np.nan
    influence = (counts - first * totals) / totals.sum() - (other_counts - second * other_totals) / other_totals.sum()
    images = int(((totals > 0) | (other_totals > 0)).sum())
    pooled = (counts.sum() + other_counts.sum()) / (totals.sum() + other_totals.sum())
    independent = pooled * (1 - pooled) * (1 / totals.sum() + 1 / other_totals.sum())
    variance = max(images / (images - 1) * float((influence**2).sum()), independent)
    if variance <= 0:
        return gap, np.nan
    return gap, float(2 * stats.t.sf(abs(gap) / np.sqrt(variance), images - 1))
