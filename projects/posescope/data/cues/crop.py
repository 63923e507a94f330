"""The part of a picture that a top-down model sees of a person."""

import numpy as np

_PADDING = 1.25
_ASPECT = 3 / 4
"""MMPose's padding of boxes, and the width over height of most models' inputs."""


def crop_window(box: np.ndarray, shape: tuple[int, ...]) -> tuple[slice, slice, float]:
    """Return the window that a crop for a 3:4 input shows, without augmentation, and the crop's height.

    Args:
        box: (4,) float, x, y, width, height in pixels.
        shape: Height and width of the picture.

    Returns:
        Rows and columns of the crop that lie within the picture (at least one), and the height of the whole crop in
        pixels.
    """
    x, y, width, height = box
    crop_height = _PADDING * max(height, width / _ASPECT)
    rows = _overlap(y + height / 2, crop_height, shape[0])
    columns = _overlap(x + width / 2, crop_height * _ASPECT, shape[1])
    return rows, columns, crop_height


def _overlap(centre: float, extent: float, size: int) -> slice:
    start = int(np.clip(np.ceil(centre - extent / 2), 0, size - 1))
    return slice(start, int(np.clip(np.floor(centre + extent / 2) + 1, start + 1, size)))
