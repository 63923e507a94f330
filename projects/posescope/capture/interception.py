"""Stand between a module's method and everybody who calls it."""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

import torch
from torch import nn

from posescope.errors import CaptureError

__all__ = ['PATCH', 'READ', 'Interception', 'in_backward']

PATCH = 0
"""Order of those who replace an output: first, so that others see what the rest of the model sees."""
READ = 1
"""Order of those who read it."""


class Interception(AbstractContextManager['Interception']):
    """While entered, sees every call of a module's method, or replaces what it gives.

    The method is replaced on the instance, so a direct ``module.forward(x)``, as MMPose calls its heads, is seen as
    well as ``module(x)``. Calls of a bound method that was taken before cannot be seen. Any number may be entered for
    one method and left in any order; the last that leaves puts the method back.

    Args:
        module: The module.
        method: Name of the method.
        after: Takes what the method gave; gives what its caller gets.
        before: Takes the call's positional and keyword arguments before the method runs.
        order: ``PATCH`` or ``READ``.
        name: What to call it in error messages.
    """

    def __init__(
        self,
        module: nn.Module,
        method: str = 'forward',
        after: Callable[[Any], Any] | None = None,
        before: Callable[[tuple[Any, ...], dict[str, Any]], None] | None = None,
        order: int = READ,
        name: str = '',
    ) -> None:
        if isinstance(module, torch.jit.ScriptModule):
            raise CaptureError(f'{name or "the model"} is TorchScript, which nothing can look into')
        self.module = module
        self.method = method
        self.after = after
        self.before = before
        self.order = order

    def __enter__(self) -> 'Interception':
        standing = self.module.__dict__.get(self.method)
        if not isinstance(standing, _Intercepted):
            standing = _Intercepted(self.module, self.method)
            self.module.__dict__[self.method] = standing
        self._standing = standing
        standing.seers = sorted([*standing.seers, self], key=lambda seer: seer.order)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._standing.seers = [seer for seer in self._standing.seers if seer is not self]
        if not self._standing.seers:
            self._standing.remove()


class _Intercepted:
    """Takes a method's place on the instance."""

    def __init__(self, module: nn.Module, method: str) -> None:
        self.module = module
        self.method = method
        self.own = module.__dict__.get(method)  # e.g. a compiled forward, which mmengine sets on the instance
        self.original: Callable[..., Any] = getattr(module, method)
        self.seers: list[Interception] = []
        functools.update_wrapper(self, self.original, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        seers = self.seers  # of this call, whoever comes or goes while it runs
        for seer in seers:
            if seer.before is not None:
                seer.before(args, kwargs)
        output = self.original(*args, **kwargs)
        for seer in seers:
            if seer.after is not None:
                output = seer.after(output)
        return output

    def remove(self) -> None:
        """Put the method back, unless somebody else has replaced it since: then calls pass through unseen."""
        if self.module.__dict__.get(self.method) is not self:
            return
        if self.own is None:
            del self.module.__dict__[self.method]
        else:
            self.module.__dict__[self.method] = self.own


def in_backward() -> bool:
    """Whether a backward pass is running: then a call is gradient checkpointing's, which computes something again."""
    return torch._C._current_graph_task_id() != -1
