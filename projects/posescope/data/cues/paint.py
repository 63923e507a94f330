"""Paint: new colours for some pixels of a picture."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

Window = tuple[slice, slice]
"""Rows and columns of a picture."""


@dataclass(frozen=True)
class Paint:
    """New colours for a window of a picture.

    Attributes:
        window: Rows and columns, within the picture.
        cover: (h, w) float, how much of the old colour is covered: 0 leaves a pixel as it is, 1 replaces it.
        colour: Blue green red, 0 to 255; (h, w, 3), or anything that broadcasts to it.
    """

    window: Window
    cover: np.ndarray
    colour: np.ndarray


def bounding_window(mask: np.ndarray) -> Window | None:
    """Return the smallest window that holds every marked pixel of an (H, W) bool mask; None if none is marked."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return (slice(top, top + height), slice(left, left + width)) if width else None


def painted(image: np.ndarray, paints: Iterable[Paint]) -> np.ndarray:
    """Return a copy of a picture with paints laid over each other.

    Args:
        image: (H, W, 3) uint8.
        paints: Laid on in this order.

    Returns:
        (H, W, 3) uint8. A pixel with cover 0 keeps its value exactly.
    """
    result = image.copy()
    for paint in paints:
        under = result[paint.window].astype(np.float32)
        mixed = np.asarray(paint.colour - under, np.float32)
        mixed *= paint.cover[..., None]
        mixed += under
        result[paint.window] = np.rint(mixed, out=mixed).clip(0, 255, out=mixed)
    return result


def brightness(image: np.ndarray) -> np.ndarray:
    """Return the luma of blue-green-red pixels, (..., 3) to (...) (ITU-R BT.601)."""
    return image @ np.array([0.114, 0.587, 0.299])
