"""Whether a score is the quality that it should foretell: fit, Brier score, calibration error, reliability table.

Two questions, after Gu et al. (ICML 2024): is a joint's score its expected similarity (KS), and is a person's score its
expected OKS? Neither is what average precision sees: that is the order of the scores (:mod:`.ranking`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posescope.evaluation.bootstrap import LEAST_UNITS, percentile_interval
from posescope.evaluation.detections import Detections
from posescope.evaluation.matching import LEAST_OKS, match, pair_similarities
from posescope.evaluation.oks import ks
from posescope.evaluation.people import People

__all__ = [
    'Bin',
    'Calibration',
    'Pairs',
    'Recalibration',
    'calibrate',
    'calibrate_joints',
    'instance_pairs',
    'joint_pairs',
    'recalibrate',
]

Interval = tuple[float, float] | None


@dataclass(frozen=True)
class Pairs:
    """N scores beside the qualities that they should foretell.

    Attributes:
        scores: (N,) float64.
        qualities: (N,) float64, 0 to 1.
        images: (N,) image of each, which pairs of one image share.
    """

    scores: NDArray[np.float64]
    qualities: NDArray[np.float64]
    images: NDArray[Any]

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, chosen: Any) -> 'Pairs':
        """Return some of the pairs, chosen by indices, a mask or a slice."""
        return Pairs(self.scores[chosen], self.qualities[chosen], self.images[chosen])


@dataclass(frozen=True)
class Bin:
    """A row of a reliability table: scores from ``low`` to ``high``, their mean and the mean quality behind them."""

    low: float
    high: float
    score: float
    quality: float
    count: int
    interval: Interval


@dataclass(frozen=True)
class Calibration:
    """How scores and qualities agree; intervals are 95 %, None with fewer images than :data:`LEAST_UNITS`.

    Attributes:
        count: Pairs.
        images: Different images.
        slope: Of the least-squares line quality = intercept + slope · score; 1 for a calibrated score, NaN if all
            scores are equal.
        intercept: Of that line; 0 for a calibrated score.
        brier: Mean squared difference of score and quality.
        ece: Adaptive expected calibration error: mean over bins of equal mass of |mean score - mean quality|.
        ece_noise: The error that a calibrated score would show with so many images by chance; None with too few.
        outside: Scores that are not in 0 to 1, which cannot be expected similarities.
        slope_interval: Of ``slope``.
        intercept_interval: Of ``intercept``.
        brier_interval: Of ``brier``.
        bins: The reliability table, lowest scores first.
    """

    count: int
    images: int
    slope: float
    intercept: float
    brier: float
    ece: float
    ece_noise: float | None
    outside: int
    slope_interval: Interval
    intercept_interval: Interval
    brier_interval: Interval
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Recalibration:
    """A rising step function from scores to qualities, fitted on one half of the images, measured on the other.

    Attributes:
        scores: (M,) ascending; between them the function is linear, beyond them constant.
        qualities: (M,) what each stands for.
        before: Of the scores as they are, on the other half.
        after: Of the mapped scores, on the other half.
    """

    scores: NDArray[np.float64]
    qualities: NDArray[np.float64]
    before: Calibration
    after: Calibration

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map scores of any shape."""
        return np.interp(scores, self.scores, self.qualities)


def joint_pairs(people: People, detections: Detections, sigmas: NDArray[Any]) -> tuple[Pairs, NDArray[np.int64]]:
    """Pair the scores of joints with their KS: labelled joints of people who were found at :data:`LEAST_OKS`.

    Returns:
        N pairs, and (N,) which joint each is.
    """
    detection, person, counts = _found(people, detections, sigmas)
    real = counts & (person >= 0)
    detection, person = detection[real], person[real]
    joints, truths = detections.keypoints[detection], people.keypoints[person]
    quality = ks(joints, truths, people.areas[person], sigmas)
    row, joint = np.nonzero(truths[..., 2] > 0)
    return Pairs(joints[row, joint, 2], quality[row, joint], people.image[person][row]), joint


def instance_pairs(people: People, detections: Detections, sigmas: NDArray[Any]) -> tuple[Pairs, NDArray[np.int64]]:
    """Pair the scores of detections with their OKS: 0 for those that found nobody at :data:`LEAST_OKS`.

    As in COCO's evaluation, detections that found somebody who does not count (a crowd, say) are left out, and of an
    image the 20 best count.

    Returns:
        N pairs, and (N,) index of each detection.
    """
    detection, person, counts = _found(people, detections, sigmas)
    detection, person = detection[counts], person[counts]
    quality = np.zeros(len(detection))
    found = np.flatnonzero(person >= 0)
    quality[found] = pair_similarities(people, detections, detection[found], person[found], sigmas)
    return Pairs(detections.scores[detection], quality, detections.image[detection]), detection


def _found(
    people: People, detections: Detections, sigmas: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return detections, the person that each found or -1, and whether it counts."""
    matches = match(people, detections, sigmas, thresholds=np.array([LEAST_OKS]))
    return matches.detection, matches.person[:, 0, 0].astype(np.int64), ~matches.ignored[:, 0, 0]


def calibrate_joints(
    pairs: Pairs, joint: NDArray[np.int64], names: Sequence[str], bins: int = 10, resamples: int = 1000, seed: int = 0
) -> dict[str, Calibration | None]:
    """Calibrate each joint by itself; None for a joint that nobody has.

    Args:
        pairs: N pairs.
        joint: (N,) which joint each is.
        names: (K,) names of the joints.
        bins: See :func:`calibrate`.
        resamples: See :func:`calibrate`.
        seed: See :func:`calibrate`.
    """
    chosen = {name: pairs[joint == index] for index, name in enumerate(names)}
    return {name: calibrate(part, bins, resamples, seed) if len(part) else None for name, part in chosen.items()}


def calibrate(pairs: Pairs, bins: int = 10, resamples: int = 1000, seed: int = 0) -> Calibration:
    """Compare scores with qualities.

    Intervals come from a percentile bootstrap over images. Equal scores are never parted, so there may be fewer bins.

    Args:
        pairs: At least one pair.
        bins: Bins of equal mass.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Raises:
        ValueError: There is no pair.
    """
    if not len(pairs):
        raise ValueError('calibration needs at least one pair of score and quality')
    edges = _edges(pairs.scores, bins)
    place = np.searchsorted(edges[1:-1], pairs.scores, 'right')
    sums = _sums(pairs, place, len(edges) - 1)
    images = len(sums)
    values, gaps, qualities = _statistics(sums.sum(0, keepdims=True))
    slope, intercept, brier, ece = values[:, 0]
    of_slope = of_intercept = of_brier = None
    of_bins: list[Interval] = [None] * gaps.shape[1]
    noise = None
    if images >= LEAST_UNITS:
        drawn = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), resamples)
        draws, drawn_gaps, drawn_qualities = _statistics(drawn @ sums)
        of_slope, of_intercept, of_brier = (_percentiles(draw, images) for draw in draws[:3])
        of_bins = [_percentiles(column, images) for column in drawn_qualities.T]
        # A mean of |normal| with standard deviation s is s·√(2/π).
        noise = float(drawn_gaps.std(0).sum() * np.sqrt(2 / np.pi))
    counts, scores = sums[:, 6::3].sum(0), sums[:, 7::3].sum(0)
    rows = tuple(
        Bin(float(low), float(high), float(score / count), float(quality), int(count), interval)
        for low, high, score, quality, count, interval in zip(
            edges[:-1], edges[1:], scores, qualities[0], counts, of_bins, strict=True
        )
    )
    outside = int(((pairs.scores < 0) | (pairs.scores > 1)).sum())
    return Calibration(
        len(pairs),
        images,
        float(slope),
        float(intercept),
        float(brier),
        float(ece),
        noise,
        outside,
        of_slope,
        of_intercept,
        of_brier,
        rows,
    )


def recalibrate(pairs: Pairs, bins: int = 10, resamples: int = 1000, seed: int = 0) -> Recalibration | None:
    """Fit an isotonic regression on one half of the images, drawn by the seed, and measure it on the other.

    Returns:
        None with fewer than two images.
    """
    from scipy.optimize import isotonic_regression

    images = np.unique(pairs.images)
    if len(images) < 2:
        return None
    first = np.isin(pairs.images, np.random.default_rng(seed).permutation(images)[: len(images) // 2])
    scores, place, counts = np.unique(pairs.scores[first], return_inverse=True, return_counts=True)
    means = np.bincount(place, pairs.qualities[first]) / counts
    qualities = isotonic_regression(means, weights=counts).x
    other = pairs[~first]
    mapped = Pairs(np.interp(other.scores, scores, qualities), other.qualities, other.images)
    measured = [calibrate(part, bins, resamples, seed) for part in (other, mapped)]
    return Recalibration(scores, qualities, *measured)


def _edges(scores: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Ends of bins of equal mass, (B + 1,), ascending; a bin holds its lower end, and each holds a score."""
    ranked = np.sort(scores)
    inner = np.unique(ranked[np.arange(1, bins) * len(ranked) // bins])
    return np.concatenate([ranked[:1], inner[inner > ranked[0]], ranked[-1:]])


def _sums(pairs: Pairs, place: NDArray[np.int64], bins: int) -> NDArray[np.float64]:
    """Sums of each image, (I, 6 + 3B): moments of score and quality, then number, scores and qualities of each bin."""
    _, image = np.unique(pairs.images, return_inverse=True)
    count = int(image.max()) + 1
    s, q, one = pairs.scores, pairs.qualities, np.ones(len(pairs))
    moments = [np.bincount(image, column, count) for column in (one, s, q, s * s, s * q, (s - q) ** 2)]
    cell = image * bins + place
    binned = [np.bincount(cell, column, count * bins).reshape(count, bins) for column in (one, s, q)]
    return np.concatenate([np.stack(moments, 1), np.stack(binned, 2).reshape(count, -1)], axis=1)


def _statistics(totals: NDArray[np.float64]) -> tuple[NDArray, NDArray, NDArray]:
    """Statistics of R sums, (R, 6 + 3B).

    Returns:
        (4, R) slope, intercept, Brier score and calibration error; (R, B) share of each bin in the signed error;
        (R, B) mean quality of each bin.
    """
    n, s, q, ss, sq, squared = totals[:, :6].T
    spread, together = ss / n - (s / n) ** 2, sq / n - s * q / n**2
    # What rounding leaves of the spread of equal scores is no spread.
    flat = spread <= 1e-12 * np.maximum(ss / n, 1e-300)
    slope = np.where(flat, np.nan, together / np.where(flat, 1, spread))
    counts, scores, qualities = totals[:, 6::3], totals[:, 7::3], totals[:, 8::3]
    gaps = (scores - qualities) / n[:, None]
    means = np.where(counts > 0, qualities / np.maximum(counts, 1), np.nan)
    return np.stack([slope, q / n - slope * s / n, squared / n, np.abs(gaps).sum(1)]), gaps, means


def _percentiles(draws: NDArray[np.float64], images: int) -> Interval:
    """Middle 95 % of the draws that are defined; None if none is."""
    if np.isnan(draws).all():
        return None
    found = percentile_interval(np.nan, draws, images)
    return None if found.low is None or found.high is None else (found.low, found.high)
