"""Colours turned into others."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ['changed_by', 'turn_hue']


def turn_hue(pixels: NDArray[Any], degrees: float) -> NDArray[np.float32]:
    """Turn the hue, and leave saturation and value; grey stays grey.

    Args:
        pixels: (N, 3) blue green red, 0 to 255.
        degrees: From red over green (120) to blue (240).

    Returns:
        (N, 3), 0 to 255.
    """
    hsv = cv2.cvtColor(np.asarray(pixels, np.float32)[None] / 255, cv2.COLOR_BGR2HSV)
    hsv[..., 0] = (hsv[..., 0] + degrees) % 360
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0] * 255


def changed_by(pixels: NDArray[Any], gain: Sequence[float], offset: Sequence[float]) -> NDArray[np.float32]:
    """Return gain · pixel + offset for each channel, kept within 0 to 255.

    Args:
        pixels: (N, 3), 0 to 255.
        gain: (3,)
        offset: (3,)
    """
    changed = np.asarray(pixels, np.float32) * np.asarray(gain, np.float32) + np.asarray(offset, np.float32)
    return changed.clip(0, 255)
