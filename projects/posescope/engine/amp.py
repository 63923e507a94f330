"""Automatic mixed precision where mmengine's own refuses: on a CPU, and with heads that hand bfloat16 to NumPy."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from mmpose.registry import OPTIM_WRAPPERS
from torch import nn

from posescope.compat.bfloat16 import computes_in_bfloat16
from posescope.errors import InputError


@contextmanager
def float32_outputs(module: nn.Module | None) -> Iterator[None]:
    """While entered, ``module.forward`` returns float32 tensors, and so does that of a head within it.

    MMPose's heads call ``self.forward`` in ``loss``, which an attribute of the instance overrides (a hook would not
    fire), and convert the result to NumPy, which has no bfloat16. A head around another lets that one compute the loss.
    """
    with ExitStack() as stack:
        while isinstance(module, nn.Module):
            stack.enter_context(_float32_output(module))
            module = getattr(module, 'pose_head', None)
        yield


@contextmanager
def _float32_output(module: nn.Module) -> Iterator[None]:
    before, forward = module.__dict__.get('forward'), module.forward  # somebody else may be watching too

    def forward_float32(*args: Any, **kwargs: Any) -> Any:
        return _float32(forward(*args, **kwargs))

    module.forward = forward_float32
    try:
        yield
    finally:
        if before is None:
            module.__dict__.pop('forward', None)
        else:
            module.forward = before


def _float32(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.float() if value.is_floating_point() else value
    if isinstance(value, dict):
        return type(value)((key, _float32(item)) for key, item in value.items())
    if isinstance(value, tuple | list):
        items = [_float32(item) for item in value]
        return type(value)(*items) if hasattr(value, '_fields') else type(value)(items)
    return value


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Mixed precision training without a loss scaler, on any device.

    bfloat16 has the range of float32, so gradients do not underflow and no scaling is needed. Weights, their gradients,
    the head's output and the loss stay in float32. A CPU without instructions for bfloat16 computes in float32, as it
    would take twenty times as long to emulate it.

    Args:
        dtype: Type of the arithmetic inside.
        **kwargs: Those of mmengine's ``OptimWrapper``.

    Raises:
        InputError: Another ``dtype`` than ``'bfloat16'`` is wanted; float16 needs a loss scaler.
    """

    def __init__(self, dtype: str = 'bfloat16', **kwargs: Any) -> None:
        if dtype != 'bfloat16':
            raise InputError(
                f"AutocastOptimWrapper dtype='{dtype}': it computes in bfloat16; for float16, whose gradients "
                "underflow without a loss scaler, take type='AmpOptimWrapper' on a GPU"
            )
        super().__init__(**kwargs)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the forward pass in reduced precision."""
        head = getattr(getattr(model, 'module', model), 'head', None)
        device = next(model.parameters()).device.type
        reduced = torch.autocast(device, torch.bfloat16, computes_in_bfloat16(device))
        with super().optim_context(model), reduced, float32_outputs(head):
            yield
