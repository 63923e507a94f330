"""Have a model run module by module, neither compiled into one graph nor fused by a fast path."""

import sys
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType

import torch
from torch import nn

from posescope.errors import CaptureError

__all__ = ['EagerMode']


class EagerMode(AbstractContextManager['EagerMode']):
    """While entered, compiled models run eagerly and transformer layers call their parts.

    Both are switches of the process. The first that enters sets them and the last that leaves restores them, so any
    number may be entered at a time and left in any order.

    - ``torch.compile`` gives what was compiled the original's code again (``torch.compiler.set_stance``).
    - ``nn.TransformerEncoderLayer`` and ``nn.MultiheadAttention`` have a fast path for inference that computes with
      their parts' weights and calls none of the parts.

    Args:
        model: Where PyTorch is too old to run compiled models eagerly, it must not be compiled.
    """

    _entered = 0
    _undo = ExitStack()

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def __enter__(self) -> 'EagerMode':
        _refuse_compiled(self.model)
        if EagerMode._entered == 0:
            with ExitStack() as stack:
                if hasattr(torch.compiler, 'set_stance'):
                    stack.enter_context(torch.compiler.set_stance('force_eager'))
                stack.callback(torch.backends.mha.set_fastpath_enabled, torch.backends.mha.get_fastpath_enabled())
                torch.backends.mha.set_fastpath_enabled(False)
                EagerMode._undo = stack.pop_all()
        EagerMode._entered += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        EagerMode._entered -= 1
        if EagerMode._entered == 0:
            EagerMode._undo.close()


def _refuse_compiled(model: nn.Module) -> None:
    """Refuse a compiled model where compiled code cannot be told to run eagerly (before PyTorch 2.6)."""
    if hasattr(torch.compiler, 'set_stance') or 'torch._dynamo' not in sys.modules:
        return
    for name, module in model.named_modules():
        compiled = '_orig_mod' in module._modules or module.__dict__.get('_compiled_call_impl') is not None
        if compiled or any(hasattr(value, '_torchdynamo_orig_callable') for value in module.__dict__.values()):
            raise CaptureError(
                f'{name or "the model"} is compiled, and PyTorch {torch.__version__} cannot run it uncompiled: '
                f'set compile=False or take PyTorch 2.6 or later'
            )
