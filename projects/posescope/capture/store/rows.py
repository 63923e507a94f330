"""What a layer gave, as the store keeps it: contiguous rows of the store's type, on the CPU."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posescope.capture.store.half_range import all_finite
from posescope.capture.store.memory_order import PLAIN, as_stored
from posescope.capture.store.tensor_file import TYPES
from posescope.errors import CaptureError

__all__ = ['FLOATS', 'stored_rows']

FLOATS = ('float16', 'float32', 'float64')
"""Types in which floating point layers can be kept; numpy has no bfloat16."""


def stored_rows(
    name: str, values: Any, count: int, dtype: str, rows: Sequence[int], copy: bool, order: str = PLAIN
) -> NDArray:
    """Turn a tensor or an array into what goes into a shard.

    Args:
        name: Of the layer, for messages.
        values: (N, ...).
        count: N as the samples have it.
        dtype: For floating point values; others keep their type.
        rows: Which of the N are wanted.
        copy: Whether the result must not share memory with ``values``.
        order: In which their axes are stored, see :mod:`~posescope.capture.store.memory_order`.

    Returns:
        (len(rows), ...), axes as they are stored, contiguous.

    Raises:
        CaptureError: There is not one row a sample, numpy lacks the type, or a value is too large for ``dtype``.
    """
    torch = sys.modules.get('torch')  # a tensor exists only where somebody imported it
    if torch is not None and isinstance(values, torch.Tensor):
        _check_length(name, values.shape, count)
        values = as_stored(values.detach(), order)
        given = values if len(rows) == count else values[list(rows)]
        kind = getattr(torch, dtype) if given.is_floating_point() else given.dtype
        # Conversion first: half as much travels from an accelerator.
        array = given.to(kind, memory_format=torch.contiguous_format).cpu().numpy()
    else:
        values = as_stored(np.asarray(values), order)
        _check_length(name, values.shape, count)
        given = values if len(rows) == count else values[list(rows)]
        with np.errstate(over='ignore'):  # noticed below
            array = given.astype(dtype, copy=False) if np.issubdtype(given.dtype, np.floating) else given
    array = np.ascontiguousarray(array)
    if array.dtype.name not in TYPES.values():
        raise CaptureError(f'layer {name}: values of type {array.dtype} cannot be stored; turn them into real numbers')
    if array.dtype.name != str(given.dtype).removeprefix('torch.'):
        _check_range(name, given, array)
    elif copy and len(rows) == count:
        array = array.copy() if _shares(array, values) else array
    return array


def _check_length(name: str, shape: Sequence[int], count: int) -> None:
    if len(shape) == 0 or shape[0] != count:
        raise CaptureError(f'layer {name}: {tuple(shape)} has not one row for each of {count} samples')


def _shares(array: NDArray, values: Any) -> bool:
    source = values if isinstance(values, np.ndarray) else (values.numpy() if values.device.type == 'cpu' else None)
    return source is not None and np.shares_memory(array, source)


def _check_range(name: str, given: Any, stored: NDArray) -> None:
    """Refuse finite numbers that became infinite; those that were infinite before stay what they are."""
    if stored.dtype != np.float16 or all_finite(stored):
        return
    finite = ~np.isinf(np.asarray(given.float().cpu() if hasattr(given, 'detach') else given))
    if (np.isinf(stored) & finite).any():
        raise CaptureError(
            f"layer {name} has values beyond 65504, the largest of float16; store it with dtype='float32'"
        )
