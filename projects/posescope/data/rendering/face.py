"""Colours of skin, face and eyes, painted where they lie on the average body's head.

The places were read off the base mesh in its reference pose, in metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posescope.data.rendering.patterns import RGB, Pattern, value_noise

_EYE = (0.0315, 0.6485)
"""Rest-pose |x| and z of the middle of an eye."""
_LIPS = 0.578
"""Rest-pose z of the middle of the lips."""


@dataclass(frozen=True)
class Skin(Pattern):
    """Skin with brows, lashes, lips, nostrils, and a beard where there is one.

    Attributes:
        brow: Colour of brows, lashes and beard, linear RGB.
        lips: Colour of the lips, linear RGB.
        beard: 0 for none, 0.4 for stubble, 1 for a full beard.
        brow_width: Half the height of the brows, metres.
    """

    brow: RGB = (0.03, 0.02, 0.015)
    lips: RGB = (0.45, 0.2, 0.18)
    beard: float = 0.0
    brow_width: float = 0.0032

    def colours(self, points: np.ndarray, albedo: np.ndarray) -> np.ndarray:
        """Colour points of the skin; see :class:`Pattern`."""
        colours = np.broadcast_to(np.asarray(albedo, dtype=np.float64), (len(points), 3)).copy()
        face = np.flatnonzero((points[:, 2] > 0.53) & (points[:, 1] < 0.0))
        if not len(face):
            return colours
        x, y, z = np.abs(points[face, 0]), points[face, 1], points[face, 2]
        front = y < -0.08
        found = colours[face]
        # Cheeks and the tip of the nose are redder.
        blush = 0.35 * _blob(x, z, (0.042, 0.612), (0.022, 0.02)) * front
        found *= 1 - blush[:, None] * np.array([0.0, 0.22, 0.2])
        found = _mix(found, self.brow, 0.85 * self.beard * self._beard_share(points[face], x, y, z))
        found = _mix(found, self.lips, 0.8 * _soft_ellipse(x, z, (0.0, _LIPS), (0.0235, 0.0105)) * front)
        line = _soft_ellipse(x, z, (0.0, _LIPS + 0.0015), (0.022, 0.0016)) * front
        nostril = _soft_ellipse(x, z, (0.0075, 0.607), (0.004, 0.0025)) * (y < -0.115)
        found *= 1 - 0.7 * np.maximum(line, nostril)[:, None]
        socket = _blob(x, z, _EYE, (0.022, 0.015)) * front
        found *= 1 - 0.25 * socket[:, None]
        found = _mix(found, self.brow, 0.75 * _soft_ellipse(x, z, _EYE, (0.0165, 0.0085)) * front)
        found = _mix(found, self.brow, 0.9 * self._brow_share(x, z) * front)
        colours[face] = found
        return colours

    def _brow_share(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Tell where the brows are, from |x| and z; (N,) 0 to 1."""
        arch = np.interp(x, [0.010, 0.036, 0.052], [0.6655, 0.6705, 0.664])
        thickness = self.brow_width * np.interp(x, [0.010, 0.030, 0.052], [1.1, 1.0, 0.5])
        across = np.clip((thickness - np.abs(z - arch)) / 0.002 + 0.5, 0, 1)
        return across * np.clip((x - 0.009) / 0.004, 0, 1) * np.clip((0.053 - x) / 0.006, 0, 1)

    def _beard_share(self, points: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Tell where the beard is; (N,) 0 to 1."""
        if self.beard == 0:
            return np.zeros(len(points))
        upper = np.interp(y, [-0.13, -0.10, -0.06, -0.04], [0.60, 0.585, 0.60, 0.63])
        jaw = (
            np.clip((upper - z) / 0.008, 0, 1) * np.clip((z - 0.535) / 0.008, 0, 1) * np.clip((-0.03 - y) / 0.02, 0, 1)
        )
        moustache = _soft_ellipse(x, z, (0.0, 0.594), (0.024, 0.007)) * (y < -0.1)
        return np.maximum(jaw, moustache) * (0.6 + 0.4 * value_noise(points * 400, 11))


@dataclass(frozen=True)
class Eye(Pattern):
    """An eyeball: white, iris and pupil.

    Attributes:
        iris: Linear RGB.
    """

    iris: RGB = (0.08, 0.04, 0.02)

    def colours(self, points: np.ndarray, albedo: np.ndarray) -> np.ndarray:
        """Colour points of the eyeball; see :class:`Pattern`."""
        x, z = np.abs(points[:, 0]) - _EYE[0], points[:, 2] - _EYE[1]
        distance = np.sqrt(x * x + z * z)
        colours = np.broadcast_to(np.asarray(albedo, dtype=np.float64), (len(points), 3))
        colours = _mix(colours, self.iris, np.clip((0.0062 - distance) / 0.001, 0, 1))
        return _mix(colours, (0.005, 0.005, 0.005), np.clip((0.0028 - distance) / 0.001, 0, 1))


def _mix(colours: np.ndarray, colour: RGB, share: np.ndarray) -> np.ndarray:
    """Blend a colour in; colours (N, 3), share (N,)."""
    return colours * (1 - share[:, None]) + np.asarray(colour) * share[:, None]


def _soft_ellipse(
    x: np.ndarray, z: np.ndarray, centre: tuple[float, float], size: tuple[float, float], softness: float = 0.3
) -> np.ndarray:
    """Mark the inside of an ellipse, with a soft edge; (N,) 0 to 1."""
    u, v = (x - centre[0]) / size[0], (z - centre[1]) / size[1]
    return np.clip((1 - np.sqrt(u * u + v * v)) / softness + 0.5, 0, 1)


def _blob(x: np.ndarray, z: np.ndarray, centre: tuple[float, float], size: tuple[float, float]) -> np.ndarray:
    """Fade from 1 in the middle of an ellipse to 0 at its edge; (N,)."""
    u, v = (x - centre[0]) / size[0], (z - centre[1]) / size[1]
    return np.clip(1 - u * u - v * v, 0, 1)
