"""Draws how a scene is lit."""

import numpy as np

from posescope.data.rendering.patterns import RGB
from posescope.data.rendering.shading import Light, Lighting

__all__ = ['sample_lighting']


def sample_lighting(rng: np.random.Generator, indoors: bool) -> Lighting:
    """Draw the light of a room, of a sunny day or of an overcast one.

    Args:
        rng: Where chance comes from.
        indoors: Whether the scene is a room.
    """
    if indoors:
        key = Light(_direction(rng, 30.0, 75.0), _tinted(rng.uniform(0.35, 0.85), rng.uniform(-0.05, 0.16)))
        ambient = rng.uniform(0.3, 0.6)
        warmth = rng.uniform(-0.04, 0.1)
        fill = (Light(_direction(rng, 5.0, 50.0), _tinted(rng.uniform(0.05, 0.25), warmth)),)
        return Lighting(key, _tinted(ambient, warmth), _tinted(ambient * rng.uniform(0.5, 0.9), warmth), fill)
    if rng.random() < 0.6:
        low_sun = rng.random() < 0.3
        elevation = (12.0, 28.0) if low_sun else (28.0, 72.0)
        key = Light(
            _direction(rng, *elevation), _tinted(rng.uniform(0.8, 1.5), 0.2 if low_sun else rng.uniform(0, 0.08))
        )
        ambient = rng.uniform(0.25, 0.5)
        return Lighting(key, _tinted(ambient, -0.12), _tinted(ambient * rng.uniform(0.45, 0.8), 0.06))
    key = Light(_direction(rng, 45.0, 80.0), _tinted(rng.uniform(0.1, 0.3), 0.0))
    ambient = rng.uniform(0.55, 0.9)
    return Lighting(key, _tinted(ambient, -0.04), _tinted(ambient * rng.uniform(0.4, 0.7), 0.0))


def _direction(rng: np.random.Generator, lowest: float, highest: float) -> RGB:
    """Draw a unit vector towards a light between two elevations, degrees; the camera's side is more probable."""
    elevation = np.radians(rng.uniform(lowest, highest))
    azimuth = rng.uniform(-np.pi, np.pi)
    if np.cos(azimuth) < -0.3 and rng.random() < 0.6:
        azimuth += np.pi
    level = np.cos(elevation)
    x, y, z = np.round([level * np.sin(azimuth), -level * np.cos(azimuth), np.sin(elevation)], 6).tolist()
    return x, y, z


def _tinted(strength: float, warmth: float) -> RGB:
    """Make a light warmer (positive) or colder."""
    return float(strength * (1 + warmth)), float(strength), float(strength * (1 - 1.3 * warmth))
