"""Gaussians over the cells of a map, as products of a row and a column."""

import torch
from torch import Tensor

__all__ = ['gaussian_rows', 'product_of_rows']


def gaussian_rows(centers: Tensor, widths: Tensor, length: int) -> Tensor:
    """Sample exp(-(i - c)² / (2 s²)) at the cells i = 0 … length - 1.

    Args:
        centers: (...), c in cells.
        widths: s in cells, any shape that broadcasts with ``centers``.
        length: Number of cells.

    Returns:
        (..., length), 1 at a cell that is the centre.
    """
    cells = torch.arange(length, dtype=centers.dtype, device=centers.device)
    return torch.exp(-((cells - centers[..., None]) ** 2) / (2 * widths[..., None] ** 2))


def product_of_rows(across: Tensor, down: Tensor) -> Tensor:
    """Multiply (..., W) by (..., H) to maps (..., H, W)."""
    return down[..., :, None] * across[..., None, :]
