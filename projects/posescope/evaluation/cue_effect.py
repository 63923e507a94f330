"""How far a model's joints follow a planted cue when nothing but the cue changes sides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posescope.evaluation.bootstrap import LEAST_UNITS

__all__ = ['CueEffect', 'cue_effect']

_NEAR = 0.1
"""Pairs of joints nearer than this, in roots of the area, are left out: there is no way from one to the other."""
_RESAMPLES = 2000


@dataclass(frozen=True)
class CueEffect:
    """Effect on one joint of moving the cue from the person's left to the right.

    Attributes:
        joint: Its name.
        people: Who counted: joint and mirror joint visible and apart.
        follow: Share of the way from the joint's own place to its mirror's that the prediction goes: 0 does not care
            about the cue, 1 goes where the cue goes.
        low: Lower end of its 95 % interval; None with fewer than fifty pictures.
        high: Upper end.
        moved: Mean distance between the two predictions, in roots of the area.
    """

    joint: str
    people: int
    follow: float
    low: float | None
    high: float | None
    moved: float


def cue_effect(
    left: NDArray[Any],
    right: NDArray[Any],
    truths: NDArray[Any],
    areas: NDArray[Any],
    images: Sequence[int],
    meta: Mapping[str, Any],
    seed: int = 0,
) -> list[CueEffect]:
    """Compare predictions from twins that differ in the side of a cue.

    The share is the slope through the origin of displacement against the way to the mirror joint,
    ``Σ (p_right - p_left)·(t_mirror - t) / Σ |t_mirror - t|²`` over people, all in roots of each person's area; the
    interval is a percentile bootstrap over pictures.

    Args:
        left: (N, K, 2), predictions with the cue on the person's left, image pixels.
        right: (N, K, 2), predictions with the cue on the person's right.
        truths: (N, K, 3), labels: x, y and v.
        areas: (N,), areas in pixels².
        images: (N,), picture of each person, the unit that is resampled.
        meta: The data set's metainfo: names and flip indices of the joints.
        seed: Of the resampling.

    Returns:
        One effect per joint that has a mirror joint and was visible together with it at least once.
    """
    roots = np.sqrt(np.asarray(areas, float))[:, None, None]
    mirror = np.asarray(meta['flip_indices'])
    way = (truths[:, mirror, :2] - truths[..., :2]) / roots
    step = (np.asarray(right, float) - np.asarray(left, float)) / roots
    visible = (truths[..., 2] == 2) & (truths[:, mirror, 2] == 2) & (np.linalg.norm(way, axis=-1) > _NEAR)
    along, squared = (step * way).sum(-1), (way**2).sum(-1)
    moved = np.linalg.norm(step, axis=-1)
    effects = []
    for joint in np.flatnonzero(mirror != np.arange(len(mirror))):
        chosen = visible[:, joint]
        if chosen.any():
            name = meta['keypoint_id2name'][int(joint)]
            units = np.asarray(images)[chosen]
            slope, low, high = _slope(along[chosen, joint], squared[chosen, joint], units, seed)
            effects.append(CueEffect(name, int(chosen.sum()), slope, low, high, float(moved[chosen, joint].mean())))
    return effects


def _slope(
    along: NDArray[Any], squared: NDArray[Any], units: NDArray[Any], seed: int
) -> tuple[float, float | None, float | None]:
    _, unit = np.unique(units, return_inverse=True)
    sums = np.stack([np.bincount(unit, along), np.bincount(unit, squared)])
    if sums.shape[1] < LEAST_UNITS:
        return float(along.sum() / squared.sum()), None, None
    drawn = np.random.default_rng(seed).integers(sums.shape[1], size=(_RESAMPLES, sums.shape[1]))
    numerator, denominator = sums[:, drawn].sum(-1)
    low, high = np.percentile(numerator / denominator, [2.5, 97.5])
    return float(along.sum() / squared.sum()), float(low), float(high)
