"""Bilinear sampling as RoI pooling does it: pixels sit at whole-number coordinates and the border is extended."""

from collections.abc import Iterator

import torch
from torch import Tensor


def corner_weights(y: Tensor, x: Tensor, height: int, width: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the four pixels around each place and how much each counts.

    Places up to one pixel outside take the value of the border; those further out take 0 from everywhere.

    Args:
        y: Row of each place, any shape, in pixels of the map; gradients flow through it.
        x: Column of each place, the same shape.
        height: Rows of the map.
        width: Columns of the map.

    Yields:
        Index into the flattened map (int64) and weight, each in the shape of ``y``, for one corner after the other.
    """
    inside = (y >= -1) & (y <= height) & (x >= -1) & (x <= width)
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    top, left = y.detach().floor(), x.detach().floor()
    for row, by_row in ((top, 1 - (y - top)), ((top + 1).clamp(max=height - 1), y - top)):
        for column, by_column in ((left, 1 - (x - left)), ((left + 1).clamp(max=width - 1), x - left)):
            yield (row * width + column).long(), torch.where(inside, by_row * by_column, 0)
