"""Where a token lies on its map, as sines and cosines."""

import math

import torch
from torch import Tensor

from posescope.errors import InputError

__all__ = ['sine_positions']

TEMPERATURE = 10_000.0
"""How many times longer than a map the longest wave is."""


def sine_positions(height: int, width: int, channels: int) -> Tensor:
    """Encode the cells of a map, row by row.

    Half of the channels is for rows, half for columns. Of n cells, cell i is the angle a = 2π (i + 1) / n, and its
    channels are sin(a · ω) and cos(a · ω) for frequencies ω = 10000^(-4m / channels), m = 0, 1, … (A. Vaswani et al.,
    Attention Is All You Need, NIPS 2017, in the two-dimensional form of N. Carion et al., DETR, ECCV 2020). So the
    product of two codes depends on nothing but the displacement: Σ cos(ω · Δa) over both axes.

    Args:
        height: Rows of the map.
        width: Columns of the map.
        channels: A multiple of 4.

    Returns:
        (height · width, channels) float32.

    Raises:
        InputError: The number of channels is no multiple of 4.
    """
    if channels % 4:
        raise InputError(f'places are encoded with a multiple of 4 channels, not {channels}: see embed_channels')
    waves = TEMPERATURE ** (-4 * torch.arange(channels // 4, dtype=torch.float32) / channels)
    rows, columns = (
        2 * math.pi * torch.arange(1, length + 1, dtype=torch.float32)[:, None] / length * waves
        for length in (height, width)
    )
    of_rows, of_columns = (torch.cat([angle.sin(), angle.cos()], 1) for angle in (rows, columns))
    return torch.cat([of_rows[:, None].expand(-1, width, -1), of_columns[None].expand(height, -1, -1)], -1).flatten(
        0, 1
    )
