"""Plain solids that objects are put together from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posescope.data.rendering.mesh import Material, Mesh

__all__ = ['box', 'column', 'ellipsoid']

_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
# Corners of each side, counter-clockwise seen from outside.
_SIDES = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])


def box(size: Sequence[float], centre: Sequence[float], material: Material) -> Mesh:
    """Make a box along the axes.

    Args:
        size: Width (x), depth (y) and height (z), metres.
        centre: (3,) metres.
        material: What it is made of.
    """
    vertices = (_CORNERS * np.asarray(size) + np.asarray(centre))[_SIDES].reshape(-1, 3)
    corners = 4 * np.arange(6)[:, None]
    faces = np.concatenate([corners + np.array([0, 1, 2]), corners + np.array([0, 2, 3])])
    return Mesh.of_object(vertices, faces, material)


def column(
    radius: float, bottom: float, top: float, centre: Sequence[float], material: Material, sides: int = 16
) -> Mesh:
    """Make an upright cylinder.

    Args:
        radius: Metres.
        bottom: Height of its foot, metres.
        top: Height of its upper end, metres.
        centre: (2,) x and y, metres.
        material: What it is made of.
        sides: How many flat sides stand for the round one.
    """
    angle = 2 * np.pi * np.arange(sides) / sides
    ring = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1) + np.asarray(centre)
    low, high = (np.column_stack([ring, np.full(sides, height)]) for height in (bottom, top))
    middles = np.array([[*centre, bottom], [*centre, top]])
    here, following = np.arange(sides), (np.arange(sides) + 1) % sides
    # Mantle and lids have vertices of their own, so that the edge between them stays sharp.
    mantle = [
        np.stack(part, 1) for part in ((here, following, following + sides), (here, following + sides, here + sides))
    ]
    lids = [
        np.stack([following + 2 * sides, here + 2 * sides, np.full(sides, 4 * sides)], 1),
        np.stack([here + 3 * sides, following + 3 * sides, np.full(sides, 4 * sides + 1)], 1),
    ]
    return Mesh.of_object(np.concatenate([low, high, low, high, middles]), np.concatenate(mantle + lids), material)


def ellipsoid(radii: Sequence[float], centre: Sequence[float], material: Material, rings: int = 10) -> Mesh:
    """Make an ellipsoid along the axes.

    Args:
        radii: (3,) metres.
        centre: (3,) metres.
        material: What it is made of.
        rings: Steps from pole to pole; twice as many around.
    """
    around = 2 * rings
    polar, azimuth = np.linspace(0, np.pi, rings + 1), 2 * np.pi * np.arange(around) / around
    unit: NDArray[np.float64] = np.stack(
        [
            np.outer(np.sin(polar), np.cos(azimuth)),
            np.outer(np.sin(polar), np.sin(azimuth)),
            np.outer(np.cos(polar), np.ones(around)),
        ],
        axis=-1,
    ).reshape(-1, 3)
    ring, step = np.meshgrid(np.arange(rings), np.arange(around), indexing='ij')
    following = (step + 1) % around
    a, b = (ring * around + step).ravel(), (ring * around + following).ravel()
    c, d = a + around, b + around
    faces = np.concatenate([np.stack([a, c, d], 1), np.stack([a, d, b], 1)])
    return Mesh.of_object(unit * np.asarray(radii) + np.asarray(centre), faces, material)
