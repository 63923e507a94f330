"""Replace what the modules of any model give, and let the rest of the model go on with it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from posescope.capture.call_counts import CallCounts
from posescope.capture.eager_mode import EagerMode
from posescope.capture.interception import PATCH, Interception, in_backward
from posescope.capture.layers import Layer, find_layers
from posescope.capture.outputs import Path, path_name, replaced, tensors_in
from posescope.errors import CaptureError

__all__ = ['Patches', 'Replacement']

Replacement = Tensor | Callable[[Tensor, int], Tensor | None]
"""A tensor that broadcasts to the output's shape, or a function of the output and of how many calls of its layer came
before in this batch that gives such a tensor, or None to leave the output as it is."""


class Patches(AbstractContextManager['Patches']):
    """While entered, outputs of a model's layers are replaced.

    Type, device and layout stay those of the output; gradients pass into what replaces it and, where that was computed
    from the output, through it. Taps see the replaced outputs. Leaving restores everything, also after an exception.

    Args:
        model: Any model, also one that is distributed or compiled.
        replacements: By pattern (see :func:`~posescope.capture.layers.find_layers`), what replaces the outputs that it
            names. Where several patterns name an output, the later one gets what the earlier one gave.

    Attributes:
        modules: Names of the layers that match.

    Raises:
        InputError: A pattern matches nothing, an output that was chosen does not exist, or what shall replace it does
            not broadcast to its shape.
    """

    def __init__(self, model: nn.Module, replacements: Mapping[str, Replacement]) -> None:
        self._model = model
        self._patched = [
            (layer, new) for pattern, new in replacements.items() for layer in find_layers(model, [pattern])
        ]
        self.modules = tuple(dict.fromkeys(layer.name for layer, _ in self._patched))
        # One layer may be patched several times, by patterns that choose different outputs.
        self._counts = [CallCounts([layer.name]) for layer, _ in self._patched]
        self._stack = ExitStack()

    def __enter__(self) -> 'Patches':
        with ExitStack() as stack:
            stack.enter_context(EagerMode(self._model))
            for (layer, new), counts in zip(self._patched, self._counts, strict=True):
                after = partial(_patched, layer, new, counts)
                stack.enter_context(Interception(layer.module, layer.method, after, order=PATCH, name=layer.name))
            self.clear()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def clear(self) -> None:
        """Forget the calls of the current batch, as of one that could not be finished."""
        for counts in self._counts:
            counts.restart()

    def finish(self, passes: int) -> None:
        """End a batch: check that every layer was called as often as it should be, and start to count anew.

        Args:
            passes: How often the batch went through the model.

        Raises:
            CaptureError: A layer was not called, or not as often in each pass as in batches before.
        """
        for counts in self._counts:
            counts.finish(passes)


def _patched(layer: Layer, new: Replacement, counts: CallCounts, output: Any) -> Any:
    """What a layer's caller gets in place of its output."""
    if in_backward():
        raise CaptureError(
            f'{layer.name} is computed again in the backward pass (gradient checkpointing), unpatched: '
            f'set with_cp=False'
        )
    layer.check([path for path, _ in tensors_in(output)])
    call = counts.next_call(layer.name)

    def replace(path: Path, tensor: Tensor) -> Tensor:
        if not layer.wants(path):
            return tensor
        value = new if isinstance(new, Tensor) else new(tensor, call)
        return tensor if value is None or value is tensor else _like(tensor, value, layer.name + path_name(path))

    return replaced(output, replace)


def _like(tensor: Tensor, value: Tensor, name: str) -> Tensor:
    """Copy a value into a tensor of another's shape, type, device and layout; gradients pass into the value."""
    try:
        fits = torch.broadcast_shapes(tensor.shape, value.shape) == tensor.shape
    except RuntimeError:
        fits = False
    if not fits:
        raise CaptureError(f'{name} is {tuple(tensor.shape)}; {tuple(value.shape)} does not broadcast to that')
    # A copy, since an in-place ReLU may follow: it would write to the caller's tensor.
    return torch.empty_like(tensor, requires_grad=False).copy_(value)
