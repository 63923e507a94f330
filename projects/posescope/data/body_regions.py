"""Regions of a picture around a person: discs, limbs, the body, and other places of the same area."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ['body_mask', 'disc_mask', 'limb_mask', 'scattered_discs', 'shifted_region']

_SHIFT = 4
"""Binary digits after the point of the coordinates that OpenCV draws at."""


def disc_mask(shape: Sequence[int], centres: ArrayLike, radius: float) -> NDArray[np.bool_]:
    """Mark the pixels whose centres are no farther than ``radius`` from one of (N, 2) centres: (H, W)."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    mask = np.zeros(tuple(shape[:2]), bool)
    for x, y in np.asarray(centres, np.float64).reshape(-1, 2):
        mask |= (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
    return mask


def limb_mask(shape: Sequence[int], ends: ArrayLike, radius: float) -> NDArray[np.bool_]:
    """Mark capsules: what is about ``radius`` or less from one of (N, 2, 2) lines between two joints: (H, W)."""
    drawn = np.zeros(tuple(shape[:2]), np.uint8)
    for line in np.asarray(ends, np.float64).reshape(-1, 2, 2):
        start, end = ([int(value) for value in np.rint(point * 2**_SHIFT)] for point in line)
        cv2.line(drawn, start, end, (1,), max(1, round(2 * radius)), cv2.LINE_8, _SHIFT)
    return drawn.astype(bool)


def body_mask(
    shape: Sequence[int],
    joints: NDArray[np.floating],
    known: NDArray[np.bool_],
    links: Sequence[Sequence[int]],
    radius: float,
) -> NDArray[np.bool_]:
    """Mark roughly what a person covers: discs around joints and capsules along the links between them.

    Args:
        shape: Height and width of the picture.
        joints: (K, 2) x and y, pixels.
        known: (K,) bool, which of them count.
        links: Pairs of joints.
        radius: Half the thickness of a limb, pixels.

    Returns:
        (H, W)
    """
    pairs = [pair for pair in links if known[list(pair)].all()]
    ends = joints[np.asarray(pairs, np.int64).reshape(-1, 2)]
    return disc_mask(shape, joints[known], radius) | limb_mask(shape, ends, radius)


def scattered_discs(
    area: int, body: NDArray[np.bool_], radius: float, generator: np.random.Generator
) -> NDArray[np.bool_]:
    """Mark discs at random places on a body until exactly ``area`` pixels are marked.

    Centres are uniform over what is not marked yet of the body, and of the picture when the body is used up. The last
    disc is as much smaller as it takes.

    Args:
        area: Pixels; no more than the picture has.
        body: (H, W)
        radius: Pixels.
        generator: Draws the centres.

    Returns:
        (H, W)
    """
    marked = np.zeros(body.shape, bool)
    left = area
    while left > 0:
        free = np.flatnonzero(body & ~marked)
        free = free if len(free) else np.flatnonzero(~marked)
        centre = _point(generator.choice(free), body.shape)
        added = disc_mask(body.shape, centre, radius) & ~marked
        added = _nearest(added, centre, left)
        marked |= added
        left -= int(added.sum())
    return marked


def shifted_region(
    region: NDArray[np.bool_], body: NDArray[np.bool_], generator: np.random.Generator
) -> NDArray[np.bool_]:
    """Mark another region of a body with as many pixels: those nearest to a random place of it.

    Pixels of the region itself do not count. Where the rest of the body is too small, the nearest other pixels follow,
    and where there are none the region's own.

    Args:
        region: (H, W)
        body: (H, W)
        generator: Draws the place.

    Returns:
        (H, W) with the same sum as ``region``.
    """
    area = int(region.sum())
    marked = np.zeros(region.shape, bool)
    rest = np.flatnonzero(body & ~region)
    rest = rest if len(rest) else np.flatnonzero(~region)
    if not area or not len(rest):
        return region.copy()
    centre = _point(generator.choice(rest), region.shape)
    for allowed in (body & ~region, ~body & ~region, region):
        left = area - int(marked.sum())
        if left:
            marked |= _nearest(allowed, centre, left)
    return marked


def _nearest(allowed: NDArray[np.bool_], centre: NDArray[np.float64], most: int) -> NDArray[np.bool_]:
    """Keep those pixels, at most ``most``, that are nearest to a place (2,); of equals the upper and left ones."""
    rows, columns = np.nonzero(allowed)
    if len(rows) <= most:
        return allowed
    away = (columns - centre[0]) ** 2 + (rows - centre[1]) ** 2
    kept = np.argsort(away, kind='stable')[:most]
    mask = np.zeros(allowed.shape, bool)
    mask[rows[kept], columns[kept]] = True
    return mask


def _point(place: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Column and row of a flat index."""
    row, column = divmod(int(place), shape[1])
    return np.array([column, row], np.float64)
