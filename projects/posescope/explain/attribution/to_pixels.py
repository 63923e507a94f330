"""From the cells of a map to the pixels of the input."""

import torch
from torch import Tensor

from posescope.capture.grid import Grid

__all__ = ['to_pixels']


def to_pixels(maps: Tensor, grid: Grid, size: tuple[int, int]) -> Tensor:
    """Interpolate maps linearly between the pixels that their cells look at; beyond the outermost they stay constant.

    Args:
        maps: (…, h, w).
        grid: Where the cells lie.
        size: Rows and columns of the input.

    Returns:
        (…, H, W) float32.
    """
    down, across = (
        _weights(cells, pixels, grid.scale[axis], grid.offset[axis]).to(maps.device)
        for axis, (cells, pixels) in enumerate(zip(maps.shape[-2:], size, strict=True))
    )
    return down @ maps.float() @ across.T


def _weights(cells: int, pixels: int, scale: float, offset: float) -> Tensor:
    """(pixels, cells) float32, what each cell counts at each pixel."""
    places = ((torch.arange(pixels, dtype=torch.float64) - offset) / scale).clamp(0, cells - 1)
    apart = (places[:, None] - torch.arange(cells, dtype=torch.float64)).abs()
    return (1 - apart).clamp(min=0).float()
