"""Floors, walls and grounds: what they look like and how light falls on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from posescope.data.rendering.patterns import RGB
from posescope.data.rendering.shading import Lighting

__all__ = ['TEXTURES', 'Surface', 'any_seed', 'clouds', 'light_on', 'painted', 'similar']

Values = NDArray[np.float64]

_TILE = 256
# Softness of the layers of a noise tile, in cells, and their weights.
_LAYERS = ((0.6, 0.22), (1.6, 0.22), (4.0, 0.28), (10.0, 0.36))
_CELLS_PER_PERIOD = 18.0

TEXTURES = ('plain', 'mottled', 'planks', 'tiles', 'checks', 'stripes', 'bricks')


@dataclass(frozen=True)
class Surface:
    """A floor, a wall or a ground.

    Attributes:
        colour: Linear RGB.
        second: Linear RGB of the texture.
        texture: A word of :data:`TEXTURES`.
        period: Metres from one repetition to the next.
        seed: Chooses irregularities.
        stains: How much brightness varies over it, as a share.
    """

    colour: RGB
    second: RGB
    texture: str
    period: float
    seed: int
    stains: float = 0.1

    def colours(self, u: Values, v: Values) -> Values:
        """Look up the colour at places on the surface.

        Args:
            u: (N,) metres along one direction.
            v: (N,) metres along the other.

        Returns:
            (N, 3) linear RGB.
        """
        p, q = u / self.period, v / self.period
        share = np.clip(self._share(p, q), 0.0, 1.0)[:, None]
        worn = 1 + self.stains * (2 * clouds(u * 6.0, v * 6.0, self.seed + 1) - 1)[:, None]
        return (np.asarray(self.colour) * (1 - share) + np.asarray(self.second) * share) * worn

    def _share(self, p: Values, q: Values) -> Values:
        """Tell how much of the second colour there is at places given in periods."""
        if self.texture == 'plain':
            return np.zeros_like(p)
        if self.texture == 'mottled':
            return clouds(p * _CELLS_PER_PERIOD, q * _CELLS_PER_PERIOD, self.seed)
        row, column = np.floor(p), np.floor(q)
        if self.texture == 'planks':
            grain = clouds((p - row) * 9 + row * 37.0, q * 2.2 + row * 91.0, self.seed)
            return np.where(p - row < 0.04, 1.0, 0.75 * grain)
        if self.texture == 'tiles':
            joint = np.minimum(p - row, q - column) < 0.05
            return np.where(joint, 1.0, 0.25 * ((row * 7 + column * 13) % 5) / 4)
        if self.texture == 'checks':
            return (row + column) % 2
        if self.texture == 'stripes':
            return (p - row < 0.5).astype(np.float64)
        course = np.floor(q * 3)
        along = p + 0.5 * (course % 2)
        joint = (along - np.floor(along) < 0.05) | (q * 3 - course < 0.12)
        return np.where(joint, 1.0, 0.5 * ((np.floor(along) * 7 + course * 5) % 6) / 6)


def clouds(u: Values, v: Values, seed: int) -> Values:
    """Look up noise of several sizes.

    Args:
        u: (...) places, in cells; the noise repeats after 256 of them.
        v: (...) places along the other direction.
        seed: Which noise.

    Returns:
        (...) from 0 to 1.
    """
    tile = _noise_tile(seed % 97)
    left, low = np.floor(u), np.floor(v)
    a, b = u - left, v - low
    i, j = left.astype(np.int64) % _TILE, low.astype(np.int64) % _TILE
    i2, j2 = (i + 1) % _TILE, (j + 1) % _TILE
    return (tile[i, j] * (1 - a) + tile[i2, j] * a) * (1 - b) + (tile[i, j2] * (1 - a) + tile[i2, j2] * a) * b


@lru_cache(maxsize=128)
def _noise_tile(seed: int) -> Values:
    """Make noise that repeats, (256, 256), 0 to 1."""
    rng = np.random.default_rng([seed, 0x7E57])
    total = np.zeros((_TILE, _TILE))
    for softness, weight in _LAYERS:
        layer = gaussian_filter(rng.standard_normal((_TILE, _TILE)), softness, mode='wrap')
        total += weight * layer / np.sqrt((layer * layer).mean())
    return np.clip(0.5 + 0.36 * total, 0.0, 1.0)


def light_on(lighting: Lighting, normal: Sequence[float] | Values, key_share: float | Values) -> Values:
    """Tell how much light arrives at a surface.

    Args:
        lighting: All light.
        normal: (3,) unit vector that the surface faces.
        key_share: Share of the key light that nothing keeps from it; a number or (N,).

    Returns:
        (3,) or (N, 3) linear RGB.
    """
    x, y, z = (float(value) for value in normal)
    up = 0.5 + 0.5 * z
    ambient = np.asarray(lighting.sky) * up + np.asarray(lighting.ground) * (1 - up)
    towards = lighting.key.direction
    facing = max(x * towards[0] + y * towards[1] + z * towards[2], 0.0)
    return ambient + np.asarray(key_share)[..., None] * facing * np.asarray(lighting.key.colour)


def painted(rng: np.random.Generator, darkest: float, brightest: float, saturation: float) -> RGB:
    """Draw a colour of any hue; saturation 0 is grey."""
    hue = rng.uniform(0, 6) + np.array([0.0, 4.0, 2.0])
    pure = np.clip(np.abs(hue % 6 - 3) - 1, 0, 1)
    return _rgb(rng.uniform(darkest, brightest) * (1 - saturation + saturation * pure))


def similar(rng: np.random.Generator, colour: Sequence[float] | Values, low: float, high: float) -> RGB:
    """Draw a colour like another one, between ``low`` and ``high`` times as bright."""
    return _rgb(np.asarray(colour) * rng.uniform(low, high) * rng.uniform(0.93, 1.07, 3))


def any_seed(rng: np.random.Generator) -> int:
    """Draw the seed of something irregular."""
    return int(rng.integers(1, 1 << 20))


def _rgb(values: Values) -> RGB:
    red, green, blue = np.clip(values, 0.0, 1.5).tolist()
    return red, green, blue
