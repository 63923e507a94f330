"""A person in a crop whose place in the image is known in closed form."""

import numpy as np

from posescope.capture.pictures import Crop, SkeletonStyle

STYLE = SkeletonStyle(
    ('nose', 'left_wrist', 'right_wrist'),
    np.array([[0, 1], [0, 2]]),
    np.array([[0.2, 0.6, 1], [0, 1, 0], [1, 0.5, 0]]),
    np.array([[0, 1, 0], [1, 0.5, 0]]),
)
KEYPOINTS = np.array([[60.0, 30.0], [90.0, 80.0], [40.0, 85.0]])
TO_IMAGE = np.array([[1.5, 0, 10], [0, 1.5, -20]])
"""Input pixel (x, y) is image pixel (1.5 x + 10, 1.5 y - 20)."""


def drawn_crop(*, photograph: bool = True, keypoints: np.ndarray | None = KEYPOINTS, to_image=TO_IMAGE) -> Crop:
    """Of 64 × 96 input pixels, in an image of 100 × 120."""
    picture = np.random.default_rng(0).integers(0, 255, (120, 100, 3), np.uint8) if photograph else None
    return Crop(to_image, (64, 96), STYLE, keypoints, picture, 'somebody')
