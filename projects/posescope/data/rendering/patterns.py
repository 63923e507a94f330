"""Patterns on surfaces: what is printed or woven, as a function of where on the surface one looks.

Patterns are evaluated at rest-pose coordinates (metres; x to the person's left, y to the back, z up), so they move and
bend with the body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Pattern:
    """A pattern; this one is plain."""

    def colours(self, points: np.ndarray, albedo: np.ndarray) -> np.ndarray:
        """Colour points of a surface.

        Args:
            points: (N, 3) texture points, metres.
            albedo: (3,) linear RGB of the plain material.

        Returns:
            (N, 3) float64 linear RGB, 0 to 1.
        """
        share = self.share(points)[:, None]
        return np.asarray(albedo, dtype=np.float64) * (1 - share) + np.asarray(self.second(), dtype=np.float64) * share

    def share(self, points: np.ndarray) -> np.ndarray:
        """Tell how much of the second colour each point has; (N, 3) to (N,), 0 to 1."""
        return np.zeros(len(points))

    def second(self) -> RGB:
        """Name the second colour, linear RGB."""
        return (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class TwoColours(Pattern):
    """A pattern of the material's colour and a second one.

    Attributes:
        colour: The second colour, linear RGB.
        period: Metres from one repetition to the next.
        width: Share of the period that has the second colour, 0 to 1.
    """

    colour: RGB = (0.0, 0.0, 0.0)
    period: float = 0.08
    width: float = 0.5

    def second(self) -> RGB:
        """Name the second colour, linear RGB."""
        return self.colour


@dataclass(frozen=True)
class Stripes(TwoColours):
    """Stripes across (rings around the body) or along it.

    Attributes:
        upright: Whether the stripes run up and down.
        slant: Rise over run of the stripes, for diagonal ones.
    """

    upright: bool = False
    slant: float = 0.0

    def share(self, points: np.ndarray) -> np.ndarray:
        """Tell how much of the second colour each point has."""
        x, _, z = points.T
        place = x + self.slant * z if self.upright else z + self.slant * x
        return _band(place, self.period, self.width)


@dataclass(frozen=True)
class Checks(TwoColours):
    """Stripes both ways; where they cross the second colour is full."""

    def share(self, points: np.ndarray) -> np.ndarray:
        """Tell how much of the second colour each point has."""
        x, y, z = points.T
        return 0.5 * _band(z, self.period, self.width) + 0.5 * _band(x + y, self.period, self.width)


@dataclass(frozen=True)
class Dots(TwoColours):
    """Dots on a staggered grid."""

    def share(self, points: np.ndarray) -> np.ndarray:
        """Tell how much of the second colour each point has."""
        x, y, z = points.T
        across, up = (x + y) / self.period, z / self.period
        row = np.floor(up)
        u = across + 0.5 * (row % 2) - np.floor(across + 0.5 * (row % 2)) - 0.5
        v = up - row - 0.5
        return _ramp(0.5 * self.width - np.sqrt(u * u + v * v), 0.08)


@dataclass(frozen=True)
class Mottle(TwoColours):
    """Soft irregular patches, such as worn denim, knitwear, leaves or bark.

    Attributes:
        contrast: From 0, hardly any, to 1, patches with sharp edges.
        seed: Which patches.
    """

    contrast: float = 0.3
    seed: int = 0

    def share(self, points: np.ndarray) -> np.ndarray:
        """Tell how much of the second colour each point has."""
        noise = value_noise(points / self.period, self.seed) + 0.5 * value_noise(
            points * 2 / self.period, self.seed + 1
        )
        noise = noise / 1.5 + self.width - 0.5
        return np.clip(0.5 + (noise - 0.5) * (1 + 9 * self.contrast), 0, 1)


@dataclass(frozen=True)
class Locks(Mottle):
    """Streaks that run down, such as locks of hair or the grain of wood."""

    def share(self, points: np.ndarray) -> np.ndarray:
        """Tell how much of the second colour each point has."""
        return super().share(points * np.array([1.0, 1.0, 0.15]))


@dataclass(frozen=True)
class Halves(TwoColours):
    """Two colours, one above the other.

    Attributes:
        height: Rest-pose z at which one becomes the other, metres.
    """

    height: float = 0.3

    def share(self, points: np.ndarray) -> np.ndarray:
        """Tell how much of the second colour each point has."""
        return _ramp(points[:, 2] - self.height, 0.004)


@dataclass(frozen=True)
class Print(TwoColours):
    """Something printed on the chest or the back: a block, a disc or lines of writing.

    Attributes:
        shape: ``'block'``, ``'disc'`` or ``'lines'``.
        centre: Rest-pose x and z, metres.
        size: Half width and half height, metres.
        behind: Whether it is on the back.
    """

    shape: str = 'block'
    centre: tuple[float, float] = (0.0, 0.3)
    size: tuple[float, float] = (0.08, 0.06)
    behind: bool = False

    def share(self, points: np.ndarray) -> np.ndarray:
        """Tell how much of the second colour each point has."""
        x, y, z = points.T
        u, v = (x - self.centre[0]) / self.size[0], (z - self.centre[1]) / self.size[1]
        inside = 1 - np.sqrt(u * u + v * v) if self.shape == 'disc' else 1 - np.maximum(np.abs(u), np.abs(v))
        share = _ramp(inside, 0.06)
        if self.shape == 'lines':
            letters = value_noise(np.stack([x * 55, np.floor(v * 2.5), np.zeros_like(x)], axis=1), 5) > 0.38
            share = share * letters * _band(v, 0.4, 0.6)
        return np.where((y > 0) == self.behind, share, 0.0)


def value_noise(points: np.ndarray, seed: int) -> np.ndarray:
    """Smooth noise: random values at the corners of a unit grid, blended in between.

    Args:
        points: (N, 3).
        seed: Which noise.

    Returns:
        (N,) float64, 0 to 1.
    """
    cell = np.floor(points)
    inner = points - cell
    inner = inner * inner * (3 - 2 * inner)
    corner = cell.astype(np.int64)
    total = np.zeros(len(points))
    for dx in (0, 1):
        for dy in (0, 1):
            for dz in (0, 1):
                weight = (
                    (inner[:, 0] if dx else 1 - inner[:, 0])
                    * (inner[:, 1] if dy else 1 - inner[:, 1])
                    * (inner[:, 2] if dz else 1 - inner[:, 2])
                )
                total += weight * _hash(corner[:, 0] + dx, corner[:, 1] + dy, corner[:, 2] + dz, seed)
    return total


def _hash(x: np.ndarray, y: np.ndarray, z: np.ndarray, seed: int) -> np.ndarray:
    """Scramble integers to numbers from 0 to 1, with the multipliers and shifts of MurmurHash3's finaliser."""
    mixed = (x * 73856093 ^ y * 19349663 ^ z * 83492791 ^ (seed + 1) * 2654435761) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return ((mixed ^ (mixed >> 16)) & 0xFFFFFF) / float(0xFFFFFF)


def _band(place: np.ndarray, period: float, width: float) -> np.ndarray:
    """Mark the first ``width`` of each period, with edges softened by a twentieth of it."""
    phase = place / period - np.floor(place / period)
    return _ramp(width / 2 - np.abs(phase - width / 2 - (phase > 0.5 + width / 2)), 0.05)


def _ramp(distance: np.ndarray, softness: float) -> np.ndarray:
    """Rise from 0 to 1 as a signed distance passes through zero."""
    return np.clip(distance / softness + 0.5, 0, 1)
