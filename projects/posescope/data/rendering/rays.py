"""The rays through the pixels of a camera."""

import numpy as np
from numpy.typing import NDArray

from posescope.data.rendering.rasteriser import Camera

__all__ = ['pixel_rays', 'turned']


def pixel_rays(camera: Camera) -> NDArray[np.float64]:
    """Give the direction of the ray through each pixel, world axes, (H, W, 3); its part along the axis is 1 long."""
    centre_x, centre_y = camera.centre
    right, down = np.meshgrid(
        (np.arange(camera.width) - centre_x) / camera.focal, (np.arange(camera.height) - centre_y) / camera.focal
    )
    axes = camera.rotation
    return right[..., None] * axes[0] + down[..., None] * axes[1] + axes[2]


def turned(points: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """Express points, (..., 3), in axes that are turned about the vertical by ``angle`` radians."""
    c, s = np.cos(angle), np.sin(angle)
    x, y = points[..., 0], points[..., 1]
    return np.stack([c * x + s * y, c * y - s * x, points[..., 2]], axis=-1)
