"""Which cells of a map lie under each joint of a person, and which elsewhere on them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posescope.explain.attribution.spatial_layer import SpatialLayer

__all__ = ['LIMB_RADIUS', 'BodyCells', 'cell_places', 'cells_of_person', 'distance_to_links', 'mask_at']

LIMB_RADIUS = 0.15
"""How far from a link of the skeleton a person reaches where no mask tells, roots of the person's area."""
_SPREAD = 2.0
"""Of σ: at a distance of 2σ·√area KS is exp(-1/2)."""


@dataclass(frozen=True)
class BodyCells:
    """n cells of one person.

    Attributes:
        cells: (n,) numbers of the cells, row by row: all that lie on the person, or under one of the joints.
        under: (K, n) bool, which of them lie under each joint; none for a joint that does not count.
    """

    cells: NDArray[np.int64]
    under: NDArray[np.bool_]


def cell_places(layer: SpatialLayer) -> NDArray[np.float64]:
    """(h·w, 2) x and y of the cells' centres, row by row, pixels of the input."""
    (rows, columns), (step_y, step_x), (top, left) = layer.size, layer.grid.scale, layer.grid.offset
    y, x = np.meshgrid(top + step_y * np.arange(rows), left + step_x * np.arange(columns), indexing='ij')
    return np.stack([x.ravel(), y.ravel()], -1)


def cells_of_person(
    places: NDArray[np.float64],
    truth: NDArray[np.float64],
    counted: NDArray[np.bool_],
    root: float,
    sigmas: NDArray[np.float64],
    links: list[tuple[int, int]],
    mask: NDArray[np.bool_] | None = None,
    size: tuple[int, int] | None = None,
) -> BodyCells:
    """Tell the cells of a person.

    Cells lie under a joint that are no farther from it than 2σ·√area, where KS is exp(-1/2), and the nearest cell in
    any case. Cells lie on the person where a mask says so, or else within :data:`LIMB_RADIUS` of a link.

    Args:
        places: (c, 2) x and y of all cells, pixels of the input.
        truth: (K, 2) joints, NaN where unknown.
        counted: (K,) bool, which joints count.
        root: Of the person's area, pixels.
        sigmas: (K,) spread of each joint.
        links: Pairs of joints.
        mask: (H, W) bool, pixels of the input that show the person; None where nobody knows.
        size: Width and height of the input; joints outside of it do not count. None takes all.
    """
    known = np.isfinite(truth).all(-1)
    wanted = counted & known
    if size is not None:
        wanted &= (np.nan_to_num(truth, nan=-np.inf) > -0.5).all(-1) & (truth < np.array(size) - 0.5).all(-1)
    apart = np.linalg.norm(places[None] - truth[:, None], axis=-1)  # (K, c)
    apart = np.where(known[:, None], apart, np.inf)
    under = (apart <= _SPREAD * sigmas[:, None] * root) | (np.arange(len(places)) == apart.argmin(1)[:, None])
    under &= wanted[:, None]
    body = distance_to_links(places, truth, links) <= LIMB_RADIUS * root if mask is None else mask_at(mask, places)
    cells = np.flatnonzero(body | under.any(0))
    return BodyCells(cells, under[:, cells])


def mask_at(mask: NDArray[np.bool_], places: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Look masks (…, H, W) up at the pixels nearest to places (c, 2), x and y: (…, c)."""
    rows, columns = (
        np.rint(places[:, axis]).astype(int).clip(0, mask.shape[side] - 1) for axis, side in ((1, -2), (0, -1))
    )
    found: NDArray[np.bool_] = mask[..., rows, columns]
    return found


def distance_to_links(
    places: NDArray[np.float64], truth: NDArray[np.float64], links: list[tuple[int, int]]
) -> NDArray[np.float64]:
    """(c,) distance of places to the nearest link between known joints; infinite without any."""
    pairs = [(a, b) for a, b in links if np.isfinite(truth[[a, b]]).all()]
    if not pairs:
        return np.full(len(places), np.inf)
    ends = np.array(pairs)
    start, along = truth[ends[:, 0]], truth[ends[:, 1]] - truth[ends[:, 0]]
    length = np.maximum((along**2).sum(-1), 1e-12)
    offset = places[:, None] - start
    part = ((offset * along).sum(-1) / length).clip(0, 1)
    found: NDArray[np.float64] = np.linalg.norm(offset - part[..., None] * along, axis=-1).min(1)
    return found
