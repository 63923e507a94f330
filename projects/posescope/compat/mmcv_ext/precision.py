"""The number format in which the stand-ins compute."""

import torch
from torch import Tensor


def widened(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Detach tensors and bring them to one format of at least float32.

    float16 and bfloat16 arrive under mixed precision. Box coordinates beyond 2048 px lose whole pixels in the former,
    and torchvision's CPU kernels refuse the latter, so both are computed in float32; the caller's ``copy_`` into mmcv's
    output buffer rounds back.

    Args:
        tensors: Floating-point tensors of any shapes and formats, on any device.

    Returns:
        The same values in the widest format among them, or float32 if that is wider.
    """
    dtype = torch.float32
    for tensor in tensors:
        dtype = torch.promote_types(dtype, tensor.dtype)
    return tuple(tensor.detach().to(dtype) for tensor in tensors)
