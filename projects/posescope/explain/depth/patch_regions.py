"""Which cells of a layer a patch replaces."""

import torch
import torch.nn.functional as F
from torch import Tensor

from posescope.explain.attribution.spatial_layer import SpatialLayer

__all__ = ['REGIONS', 'cells_under', 'changed_pixels', 'discs_around', 'patched']

REGIONS = {
    'whole': 'the whole layer',
    'changed': 'the cells under what differs between the pictures',
    'joint': 'the cells under the joint',
}
"""What may be patched."""


def changed_pixels(clean: Tensor, counterfactual: Tensor) -> Tensor:
    """Where two batches of crops (B, 3, H, W) differ: (B, H, W) bool."""
    return (clean != counterfactual).any(1)


def discs_around(places: Tensor, radius: float, size: tuple[int, int]) -> Tensor:
    """Draw discs.

    Args:
        places: (B, M, 2) x and y of M discs, pixels of the input.
        radius: Pixels; a disc holds at least the pixel nearest to its place.
        size: Height and width of the input.

    Returns:
        (B, H, W) bool, the union of each crop's discs.
    """
    x, y = places[..., None, None].unbind(2)
    rows = torch.arange(size[0], dtype=places.dtype, device=places.device)[:, None]
    columns = torch.arange(size[1], dtype=places.dtype, device=places.device)
    inside = (columns - x).square() + (rows - y).square() <= radius**2
    nearest = (rows == y.round().clamp(0, size[0] - 1)) & (columns == x.round().clamp(0, size[1] - 1))
    return (inside | nearest).any(1)


def cells_under(layer: SpatialLayer, region: Tensor) -> Tensor:
    """Find the cells of a layer to which a region of the input belongs.

    Args:
        layer: The layer.
        region: (B, H, W) bool, pixels.

    Returns:
        (B, h, w) bool: cells that are the nearest to a pixel of the region. None is so small that no cell is in it.
    """
    nearest = []
    for axis in (0, 1):
        pixels = torch.arange(region.shape[1 + axis], dtype=torch.float32, device=region.device)
        cells = ((pixels - layer.grid.offset[axis]) / layer.grid.scale[axis]).round().clamp(0, layer.size[axis] - 1)
        nearest.append(F.one_hot(cells.long(), layer.size[axis]).float())
    return torch.einsum('byx,yh,xw->bhw', region.float(), *nearest) > 0


def patched(layer: SpatialLayer, output: Tensor, other: Tensor, cells: Tensor) -> Tensor:
    """Take some cells of a layer's output from another.

    Args:
        layer: The layer.
        output: As the model gives it, see ``layer.form``.
        other: Of the same shape.
        cells: (B, h, w) bool, which to take.

    Returns:
        Of the same shape; tokens that belong to no cell stay those of ``output``.
    """
    if layer.form == 'maps':
        where = cells[:, None]
    elif layer.form == 'channels last':
        where = cells[..., None]
    else:
        where = torch.zeros(output.shape[:2], dtype=torch.bool, device=output.device)
        where[:, layer.prefix : layer.prefix + layer.size[0] * layer.size[1]] = cells.flatten(1)
        where = where[..., None]
    return torch.where(where, other, output)
