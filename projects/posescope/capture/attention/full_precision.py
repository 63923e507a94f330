"""Products of float32 matrices in float32, whatever the run around them has chosen."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

__all__ = ['full_precision']


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
