"""Colours of cues."""

import colorsys
from collections.abc import Sequence

import numpy as np

from posescope.data.cues.chance import fraction
from posescope.errors import InputError

_FIRST_HUE, _LAST_HUE = 75 / 360, 330 / 360
"""Green to pink: what skin, hair and wood are not."""


def seeded_colour(seed: int) -> np.ndarray:
    """Choose a strong colour that people do not have by themselves; (3,) float, blue green red, 0 to 255."""
    return hue_colour(_FIRST_HUE + (_LAST_HUE - _FIRST_HUE) * fraction(seed, 'colour'))


def hue_colour(hue: float) -> np.ndarray:
    """Return the bright, saturated colour of a hue in turns; (3,) float, blue green red, 0 to 255."""
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, 0.9, 0.95)[::-1]) * 255


def typed_colour(colour: Sequence[float]) -> np.ndarray:
    """Check a colour of a config.

    Args:
        colour: Red, green, blue, 0 to 255.

    Returns:
        (3,) float, blue green red, as OpenCV and MMPose hold pictures.

    Raises:
        InputError: If it is no such triple.
    """
    try:
        values = np.asarray(colour, dtype=float)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != (3,) or not ((values >= 0) & (values <= 255)).all():
        raise InputError(f'colour={colour!r} of a cue has to be (red, green, blue), each from 0 to 255')
    return values[::-1].copy()
