"""Copies of activations in a narrower number format that do not lie."""

import numpy as np
import torch
from torch import Tensor

from posescope.capture.store.half_range import all_finite
from posescope.errors import CaptureError

__all__ = ['narrowed']


def narrowed(tensor: Tensor, dtype: torch.dtype | None, name: str) -> Tensor:
    """Copy a tensor into another floating point type, where it stands; its axes keep their order in memory.

    Args:
        tensor: Any tensor; one that holds no floating point numbers keeps its type.
        dtype: Type of the copy; None for the tensor's own.
        name: What to call it in an error message.

    Raises:
        CaptureError: A finite value is too large for the type; float16 ends at 65,504.
    """
    wanted = dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype
    # Turning maps that lie channels-last costs three times as much as the conversion.
    copy = tensor.to(wanted, memory_format=torch.preserve_format, copy=True)
    narrower = copy.is_floating_point() and torch.finfo(wanted).max < torch.finfo(tensor.dtype).max
    if narrower and copy.numel() and not _finite(copy):
        _refuse(tensor, wanted, name)
    return copy


def _finite(copy: Tensor) -> bool:
    """Whether all values of a tensor that fills its memory are finite numbers."""
    # In the order in which they lie: many times faster than along the axes.
    values = copy.as_strided((copy.numel(),), (1,))
    if copy.dtype == torch.float16 and copy.device.type == 'cpu':
        half: np.ndarray = values.numpy()
        return all_finite(half)
    low, high = torch.aminmax(values)
    return bool(torch.isfinite(low) and torch.isfinite(high))


def _refuse(tensor: Tensor, dtype: torch.dtype, name: str) -> None:
    """Raise if a value became infinite that was not; NaN and infinity stay what they are."""
    finite = tensor[tensor.isfinite()]
    largest = float(finite.abs().max()) if finite.numel() else 0.0
    if largest > torch.finfo(dtype).max:
        raise CaptureError(
            f'{name} reaches {largest:.3g}, more than {str(dtype).removeprefix("torch.")} can hold '
            f'({torch.finfo(dtype).max:.3g}): choose dtype="float32"'
        )
