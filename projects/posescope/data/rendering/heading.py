"""Which way a body faces."""

import numpy as np
from numpy.typing import NDArray

__all__ = ['ray_azimuth', 'torso_heading', 'torso_place']

_SHOULDERS, _HIPS = (5, 6), (11, 12)
# With its left-right axis steeper than this (its z, of 1) a torso lies on its side.
_ON_ITS_SIDE = 0.8


def torso_heading(joints: NDArray[np.float64]) -> float:
    """Tell which way a torso faces.

    It is the horizontal direction at right angles to the line from the right to the left shoulder and hip. That is the
    way people face, and, of those who lie on their back, the way that their feet point. Of those who lie on a side, it
    is the way that the chest points.

    Args:
        joints: (17, 3) in the world, z up, COCO order.

    Returns:
        Degrees from -180 to 180: 0 faces -y, 90 faces x.
    """
    shoulders = joints[_SHOULDERS[0]] - joints[_SHOULDERS[1]]
    hips = joints[_HIPS[0]] - joints[_HIPS[1]]
    left = shoulders / np.sqrt((shoulders * shoulders).sum()) + hips / np.sqrt((hips * hips).sum())
    left = left / np.sqrt((left * left).sum())
    up = joints[list(_SHOULDERS)].mean(axis=0) - joints[list(_HIPS)].mean(axis=0)
    front = np.cross(left, up) if abs(left[2]) > _ON_ITS_SIDE else np.array([left[1], -left[0], 0.0])
    return float(np.degrees(np.arctan2(front[0], -front[1])))


def torso_place(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the middle of a torso, (3,), from (17, 3) joints."""
    return joints[[*_SHOULDERS, *_HIPS]].mean(axis=0)


def ray_azimuth(camera_position: NDArray[np.float64], place: NDArray[np.float64]) -> float:
    """Tell the direction from the camera to a place, degrees from +y towards +x.

    A heading relative to the camera is the heading in the world plus this angle.
    """
    x, y = place[0] - camera_position[0], place[1] - camera_position[1]
    return float(np.degrees(np.arctan2(x, y)))
