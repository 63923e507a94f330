"""The pixels under a layer's cells, as features of these cells."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from posescope.capture.grid import Grid
from posescope.explain.attribution.spatial_layer import SpatialLayer

__all__ = ['PixelPatches']

_MOST_POINTS = 8
"""Points along each side of a patch; pixels of larger patches are averaged."""


class PixelPatches:
    """What a probe could read if the network did nothing: the colours in the patch of the input that a cell covers.

    A patch of s × s pixels gives 3 s² features, or 3 · 8² averages where s is larger.

    Args:
        layers: Whose cells.

    Attributes:
        layers: The same.
    """

    def __init__(self, layers: Mapping[str, SpatialLayer]) -> None:
        self.layers = layers

    def of(self, inputs: Tensor) -> dict[str, Tensor]:
        """Cut patches out of crops.

        Args:
            inputs: (B, 3, H, W).

        Returns:
            By name of the layer, (B, 3 · points, h, w). Beyond the input its outermost pixels are repeated.
        """
        found: dict[tuple[Grid, tuple[int, int]], Tensor] = {}
        for layer in self.layers.values():
            where = layer.grid, layer.size
            if where not in found:
                found[where] = _patches(inputs, *where)
        return {name: found[layer.grid, layer.size] for name, layer in self.layers.items()}


def _patches(inputs: Tensor, grid: Grid, size: tuple[int, int]) -> Tensor:
    counts = [min(max(round(scale), 1), _MOST_POINTS) for scale in grid.scale]
    # So many pixels are averaged around each point that, with its interpolation, those between two points are covered.
    kernel = [int(scale / count - 1) // 2 * 2 + 1 for scale, count in zip(grid.scale, counts, strict=True)]
    averaged = F.avg_pool2d(inputs, kernel, 1, [side // 2 for side in kernel], count_include_pad=False)
    rows, columns = (_points(grid, size, axis, counts[axis], inputs) for axis in (0, 1))
    places = torch.stack(torch.broadcast_tensors(columns, rows[:, None]), -1)
    places = places.expand(len(inputs), -1, -1, -1)
    points = F.grid_sample(averaged, places, padding_mode='border', align_corners=True)
    of_cells = points.unflatten(3, (size[1], counts[1])).unflatten(2, (size[0], counts[0]))
    return of_cells.permute(0, 1, 3, 5, 2, 4).flatten(1, 3)


def _points(grid: Grid, size: tuple[int, int], axis: int, count: int, inputs: Tensor) -> Tensor:
    """(cells · count,) where points lie along an axis, from -1 at the first pixel to 1 at the last."""
    cells = torch.arange(size[axis], dtype=inputs.dtype, device=inputs.device)
    inside = (torch.arange(count, dtype=inputs.dtype, device=inputs.device) + 0.5) / count - 0.5
    pixels = grid.scale[axis] * (cells[:, None] + inside) + grid.offset[axis]
    return (2 * pixels / max(inputs.shape[2 + axis] - 1, 1) - 1).flatten()
