"""Products of float32 matrices in float32, whatever the run around them has chosen."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

__all__ = ['full_precision', 'precision_of']


@contextmanager
def full_precision(device: str) -> Iterator[None]:
    """While entered, leaves autocast, and lets no product round its factors to TensorFloat32 or bfloat16.

    Args:
        device: Type of the device.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.autocast(device, enabled=False))
        matmuls = [backend.matmul for backend in (torch.backends.cuda, torch.backends.mkldnn)]
        if all(hasattr(matmul, 'fp32_precision') for matmul in matmuls):
            for matmul in matmuls:
                stack.callback(setattr, matmul, 'fp32_precision', matmul.fp32_precision)
                matmul.fp32_precision = 'ieee'
        else:  # before PyTorch 2.9
            stack.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
            torch.set_float32_matmul_precision('highest')
        yield


def precision_of(kind: torch.dtype, device: str) -> torch.dtype:
    """In which format the factors of a product are, where nothing but its operands is known.

    Args:
        kind: Of the operands.
        device: Type of the device.

    Returns:
        float16, whose fraction has as many bits as TensorFloat32's, or bfloat16, where float32 is rounded to that.
    """
    if kind is not torch.float32:
        return kind
    backends: Any = torch.backends
    matmul = backends.cuda.matmul if device == 'cuda' else backends.mkldnn.matmul
    if not hasattr(matmul, 'fp32_precision'):  # before PyTorch 2.9
        return kind if torch.get_float32_matmul_precision() == 'highest' else torch.float16
    return {'tf32': torch.float16, 'bf16': torch.bfloat16}.get(matmul.fp32_precision, kind)
