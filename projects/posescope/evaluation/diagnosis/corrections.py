"""Where a wrong joint would be if one kind of error did not happen."""

from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.evaluation.detections import Detections
from posescope.evaluation.diagnosis.error_classes import GOOD_KS, LEAST_KS, ErrorClass, JointErrors
from posescope.evaluation.people import People

__all__ = ['CORRECTABLE', 'Moves', 'corrected_places', 'moved', 'moves']

CORRECTABLE = (
    ErrorClass.MISS,
    ErrorClass.SWAP,
    ErrorClass.INVERSION,
    ErrorClass.SIDE_AMBIGUOUS,
    ErrorClass.JITTER,
)
"""Kinds of error that moving a joint corrects, in the order of the published sequence."""
_WITHIN = 1 - 1e-9
"""Corrected distances are shortened by this factor, so that rounding does not leave a similarity below its bound."""


class Moves(NamedTuple):
    """M joints and where to put them.

    Attributes:
        detection: (M,) index of the detection.
        joint: (M,) index of the joint.
        places: (M, 2), image pixels.
    """

    detection: NDArray[np.int64]
    joint: NDArray[np.int64]
    places: NDArray[np.float64]


def corrected_places(
    people: People, detections: Detections, errors: JointErrors, sigmas: ArrayLike, *, legacy: bool = False
) -> NDArray[np.float64]:
    """Give each wrong joint of a matched person a place at which this error has not happened.

    Jitter lands at a KS of .85 and a miss at .5 with the own label; an inversion or swap keeps the KS that it had with
    the wrong label. The distance for a KS is ``√(−2 · ln KS · area) · 2σ``, the inverse of the KS of COCO's evaluation,
    and the place is in the direction of the prediction.

    Args:
        people: G people.
        detections: D detections.
        errors: Their classes.
        sigmas: (K,) spread of each joint relative to the root of the area.
        legacy: As the published code, which takes σ for 2σ here, so that a miss lands at .5^(1/4) = .841 and jitter at
            .85^(1/4) = .960, and moves along x.

    Returns:
        (G, K, 2), image pixels; NaN where nothing is to be corrected.
    """
    target = np.where(errors.classes == ErrorClass.JITTER, GOOD_KS, errors.similarities)
    target = np.where(errors.classes == ErrorClass.MISS, LEAST_KS, target)
    target[~np.isin(errors.classes, CORRECTABLE)] = np.nan
    spread = np.asarray(sigmas, np.float64) * (1 if legacy else 2)
    distance = np.sqrt(-2 * np.log(target) * people.areas[:, None]) * spread * _WITHIN
    truth = people.keypoints[..., :2]
    direction = np.zeros_like(truth)
    direction[..., 0] = 1
    if not legacy and len(detections):
        offset = detections.keypoints[errors.detection, :, :2] - truth
        length = np.hypot(offset[..., 0], offset[..., 1])[..., None]
        np.divide(offset, length, out=direction, where=length > 0)
    return truth + direction * distance[..., None]


def moves(
    errors: JointErrors, places: NDArray[np.float64], kinds: Collection[ErrorClass], joint: int | None = None
) -> Moves:
    """List what correcting errors of some kinds moves.

    Args:
        errors: Classes of all joints.
        places: (G, K, 2) of :func:`corrected_places`.
        kinds: Which of :data:`CORRECTABLE`.
        joint: Correct this joint alone; None corrects all.
    """
    wrong = np.isin(errors.classes, list(kinds))
    if joint is not None:
        wrong &= np.arange(wrong.shape[1]) == joint
    person, which = np.nonzero(wrong)
    return Moves(errors.detection[person], which, places[person, which])


def moved(detections: Detections, to: Moves) -> Detections:
    """Return the detections with some of their joints at other places."""
    keypoints = detections.keypoints.copy()
    keypoints[to.detection, to.joint, :2] = to.places
    return replace(detections, keypoints=keypoints)
