"""The order of a map's axes in a shard: that of the layer's own memory, so that nothing has to be turned on the way."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from posescope.capture.store.tensor_file import TensorFile

__all__ = ['CHANNELS_LAST', 'PLAIN', 'as_stored', 'find_layer', 'order_of', 'orders_in', 'shape_of']

PLAIN = 'map/'
"""Before the name of a layer in a shard whose rows lie there as they are read."""
CHANNELS_LAST = 'map-channels-last/'
"""Before the name of a layer whose maps, (C, H, W) for readers, lie there as (H, W, C)."""
_MAPS = 4
"""Axes of maps, samples included."""


def order_of(values: Any) -> str:
    """Say in which order a tensor or an array lies in memory.

    Args:
        values: (N, ...).

    Returns:
        :data:`CHANNELS_LAST` for maps (N, C, H, W) that lie as (N, H, W, C) and only so: with one channel, or one cell,
        there is no difference. :data:`PLAIN` for everything else.
    """
    if getattr(values, 'ndim', 0) != _MAPS or _contiguous(values):
        return PLAIN
    return CHANNELS_LAST if _contiguous(as_stored(values, CHANNELS_LAST)) else PLAIN


def as_stored(values: Any, order: str) -> Any:
    """View a tensor or an array (N, ...) with its axes as they are stored."""
    if order == PLAIN or values.ndim != _MAPS:
        return values
    return values.transpose(0, 2, 3, 1) if isinstance(values, np.ndarray) else values.permute(0, 2, 3, 1)


def shape_of(rows: NDArray, order: str) -> list[int]:
    """Shape of one row, as readers see it, of rows in stored order."""
    shape = list(rows.shape[1:])
    return shape if order == PLAIN or rows.ndim != _MAPS else [shape[-1], *shape[:-1]]


def orders_in(file: TensorFile) -> dict[str, str]:
    """By layer, the order in a shard."""
    found = {}
    for name in file.header:
        for order in (PLAIN, CHANNELS_LAST):
            if name.startswith(order):
                found[name.removeprefix(order)] = order
    return found


def find_layer(file: TensorFile, layer: str) -> NDArray:
    """View what a shard holds of a layer, its axes as readers see them.

    Raises:
        KeyError: Nothing.
    """
    if CHANNELS_LAST + layer in file:
        return np.moveaxis(file[CHANNELS_LAST + layer], -1, 1)
    return file[PLAIN + layer]


def _contiguous(values: Any) -> bool:
    return bool(values.flags.c_contiguous if isinstance(values, np.ndarray) else values.is_contiguous())
