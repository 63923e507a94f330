"""Where a map lies in an image: from its cells to pixels of the network's input, and on to pixels of the image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.capture.pictures.checks import checked_array
from posescope.errors import InputError

__all__ = ['CellGrid', 'GridLike', 'Place', 'grid_of_each', 'mirrored_grid']


class GridLike(Protocol):
    """Which input pixel a cell looks at: ``scale * cell + offset``, both (y, x); centres of pixels are at integers."""

    @property
    def scale(self) -> tuple[float, float]:
        """Input pixels a cell, (y, x)."""
        ...

    @property
    def offset(self) -> tuple[float, float]:
        """Input pixel of the centre of cell (0, 0), (y, x)."""
        ...


@dataclass(frozen=True)
class CellGrid:
    """A grid by its numbers, for maps that come from elsewhere."""

    scale: tuple[float, float]
    offset: tuple[float, float]


def mirrored_grid(grid: GridLike, width: int) -> CellGrid:
    """Give the grid of a map of the mirrored input (the second pass of ``flip_test``) on the input as it was.

    Args:
        grid: On the mirrored input.
        width: Of the input, pixels.
    """
    (scale_y, scale_x), (offset_y, offset_x) = grid.scale, grid.offset
    return CellGrid((scale_y, -scale_x), (offset_y, width - 1 - offset_x))


def grid_of_each(grids: GridLike | Sequence[GridLike], count: int) -> list[GridLike]:
    """Give a grid for each of several maps, from one for all (which may be a tuple itself) or one for each."""
    if hasattr(grids, 'scale'):
        return [cast(GridLike, grids)] * count
    return list(grids)


class Place:
    """The place of a map in an image.

    Args:
        grid: Cells of the map -> pixels of the network's input.
        to_image: (2, 3) affine matrix: input pixel (x, y, 1) -> image pixel (x, y).

    Raises:
        InputError: One of them cannot be inverted, or is not finite.
    """

    def __init__(self, grid: GridLike, to_image: ArrayLike) -> None:
        scale_y, scale_x = checked_array(grid.scale, 'scale of the grid', (2,))
        offset_y, offset_x = checked_array(grid.offset, 'offset of the grid', (2,))
        to_input = np.array([[scale_x, 0, offset_x], [0, scale_y, offset_y], [0, 0, 1]])
        matrix = checked_array(to_image, 'to_image', (2, 3))
        self.matrix: NDArray[np.float64] = np.vstack([matrix, [0, 0, 1]]) @ to_input
        """(3, 3): cell (x, y, 1) -> image pixel (x, y, 1)."""
        if not np.isfinite(self.matrix).all() or abs(np.linalg.det(self.matrix)) < 1e-12:
            raise InputError('a map needs a finite place of positive area: check scale of the grid and to_image')

    def to_pixels(self, cells: ArrayLike) -> NDArray[np.float64]:
        """Give the image pixels of cells.

        Args:
            cells: (..., 2) row and column; fractions are between centres.

        Returns:
            (..., 2) x and y.
        """
        xy = np.asarray(cells, np.float64)[..., ::-1]
        return xy @ self.matrix[:2, :2].T + self.matrix[:2, 2]

    def to_cells(self, pixels: ArrayLike) -> NDArray[np.float64]:
        """Give the cells, (..., 2) row and column with fractions, of image pixels, (..., 2) x and y."""
        inverse = np.linalg.inv(self.matrix)
        xy = np.asarray(pixels, np.float64) @ inverse[:2, :2].T + inverse[:2, 2]
        return xy[..., ::-1]

    @property
    def is_upright(self) -> bool:
        """Whether rows of the map run to the right in the image and columns down: no rotation, no mirror."""
        (along_x, skew_x), (skew_y, along_y) = self.matrix[:2, :2]
        shear = max(abs(skew_x), abs(skew_y))
        return bool(along_x > 0 and along_y > 0 and shear < 1e-6 * min(along_x, along_y))

    def extent(self, height: int, width: int) -> tuple[float, float, float, float]:
        """Give left, right, bottom and top of an upright map's outer edges, as ``imshow`` takes them, image pixels."""
        (left, top), (right, bottom) = self.to_pixels([[-0.5, -0.5], [height - 0.5, width - 0.5]])
        return float(left), float(right), float(bottom), float(top)
