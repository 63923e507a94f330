"""Copies of activations in a narrower number format that do not lie."""

import torch
from torch import Tensor

from posescope.errors import CaptureError

__all__ = ['narrowed']

_INFINITY = 0x7C00
"""Bits of float16's infinity as an integer; smaller for finite numbers, below zero for negative ones."""


def narrowed(tensor: Tensor, dtype: torch.dtype | None, name: str) -> Tensor:
    """Copy a tensor, contiguous and in another floating point type, where it stands.

    Args:
        tensor: Any tensor; one that holds no floating point numbers keeps its type.
        dtype: Type of the copy; None for the tensor's own.
        name: What to call it in an error message.

    Raises:
        CaptureError: A finite value is too large for the type; float16 ends at 65,504.
    """
    wanted = dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype
    copy = tensor.to(wanted, memory_format=torch.contiguous_format, copy=True)
    if copy.is_floating_point() and copy.numel() and torch.finfo(wanted).max < torch.finfo(tensor.dtype).max:
        if _surely_finite(copy):
            return copy
        low, high = torch.aminmax(copy)
        if not (torch.isfinite(low) and torch.isfinite(high)):
            _refuse(tensor, wanted, name)
    return copy


def _surely_finite(tensor: Tensor) -> bool:
    """Whether the bits of float16 say that nothing is infinite or negative, as after a ReLU: the quickest look."""
    if tensor.dtype != torch.float16:
        return False
    low, high = torch.aminmax(tensor.view(torch.int16))
    return int(low) >= 0 and int(high) < _INFINITY


def _refuse(tensor: Tensor, dtype: torch.dtype, name: str) -> None:
    """Raise if a value became infinite that was not; NaN and infinity stay what they are."""
    finite = tensor[tensor.isfinite()]
    largest = float(finite.abs().max()) if finite.numel() else 0.0
    if largest > torch.finfo(dtype).max:
        raise CaptureError(
            f'{name} reaches {largest:.3g}, more than {str(dtype).removeprefix("torch.")} can hold '
            f'({torch.finfo(dtype).max:.3g}): choose dtype="float32"'
        )
