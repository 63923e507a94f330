"""The mean labelled pose of people, to draw a skeleton whose standing places nobody wrote down."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes

from posescope.explain.dependency.dependency_matrix import masked_mean

__all__ = ['mean_pose']

_ROUNDS = 10
_LEAST_COMMON = 3
"""Fewest joints by which one pose is turned onto another."""


def mean_pose(poses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average poses of one size that are turned, or mirrored, onto each other.

    Hands point everywhere, and people stand with their left on either side: without turning, the mean of many has all
    joints in one place. This is generalised Procrustes analysis (J. C. Gower, Psychometrika 40, 1975) with sizes given,
    over the joints that a pose and the mean have in common. Afterwards the mean is turned to where poses lie on the
    average.

    Args:
        poses: (P, K, 2) labelled joints, scaled to one size, as by the roots of people's areas, which their labels or
            boxes tell; NaN where unlabelled. Somebody has a labelled joint.

    Returns:
        (K, 2) in the same unit; NaN for joints that nobody has labelled.
    """
    plain = poses - np.stack([masked_mean(pose) for pose in poses])[:, None]
    known = np.isfinite(plain).all(-1)
    mean = plain[known.sum(1).argmax()]
    for _ in range(_ROUNDS):
        mean = masked_mean(np.stack([_turned(pose, mean) for pose in plain]))
    return _turned(mean, masked_mean(plain))


def _turned(pose: NDArray[np.float64], onto: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move, turn and mirror a pose (K, 2) until it lies on another as well as it can."""
    common = np.isfinite(pose).all(-1) & np.isfinite(onto).all(-1)
    if not common.any():
        return np.full_like(pose, np.nan)
    here, there = pose[common].mean(0), onto[common].mean(0)
    if common.sum() < _LEAST_COMMON:
        return pose - here + there
    turn, _ = orthogonal_procrustes(pose[common] - here, onto[common] - there)
    return (pose - here) @ turn + there
