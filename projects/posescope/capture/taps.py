"""Read what the modules of any model give while it runs, and the gradients that come back to them."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from posescope.capture.call_counts import CallCounts
from posescope.capture.eager_mode import EagerMode
from posescope.capture.interception import READ, Interception, in_backward
from posescope.capture.layers import Layer, find_layers
from posescope.capture.outputs import Path, path_name, replaced, tensors_in
from posescope.errors import CaptureError

__all__ = ['KeptOutputs', 'Output', 'Taps']


@dataclass(frozen=True)
class Output:
    """A tensor that a layer gave.

    Attributes:
        layer: Name of the output: the layer's name and, where it gives several tensors, the path in brackets.
        call: How many calls of this layer came before in this batch.
        tensor: The tensor, detached. It is the model's own memory, which the next in-place ReLU overwrites: to keep it,
            copy it at once.
    """

    layer: str
    call: int
    tensor: Tensor


class Taps(AbstractContextManager['Taps']):
    """While entered, reads the outputs of a model's layers.

    Values, layouts and types are the model's own: the taps compute nothing. Modules that the host calls by a method's
    name are seen, compiled models run eagerly, and leaving restores everything, also after an exception. Taps on one
    module, or on modules inside each other, do not disturb each other. What a backward pass computes again for gradient
    checkpointing is not read a second time.

    Args:
        model: Any model, also one that is distributed or compiled.
        layers: Patterns, see :func:`~posescope.capture.layers.find_layers`.
        receive: Takes each output as soon as it is there; None to keep them in ``outputs``.
        gradients: Also keep the gradients that backward passes bring to the outputs.

    Attributes:
        modules: Names of the layers that match.
        outputs: Where ``receive`` is None, by output name, the tensors of each call of the current batch, with their
            graph. Reading one that was changed in place since raises :class:`~posescope.errors.CaptureError`.
        gradients: By output name, the gradient at each call's output, summed over backward passes as in
            ``Tensor.grad``; None where none came, as to tensors that need no gradient.

    Raises:
        InputError: A pattern matches nothing, or an output that was chosen does not exist.
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Sequence[str],
        receive: Callable[[Output], None] | None = None,
        gradients: bool = False,
    ) -> None:
        self._layers = find_layers(model, layers)
        self._model = model
        self._receive = receive
        self._wants_gradients = gradients
        self._counts = CallCounts(layer.name for layer in self._layers)
        self._stack = ExitStack()
        self.modules = tuple(layer.name for layer in self._layers)
        self.outputs = KeptOutputs()
        self.gradients: dict[str, list[Tensor | None]] = defaultdict(list)

    @property
    def calls_per_pass(self) -> dict[str, int]:
        """How often each layer is called in one pass; empty until the first batch is finished."""
        return self._counts.calls_per_pass

    def __enter__(self) -> 'Taps':
        with ExitStack() as stack:
            stack.enter_context(EagerMode(self._model))
            for layer in self._layers:
                after = partial(self._read, layer)
                stack.enter_context(Interception(layer.module, layer.method, after, order=READ, name=layer.name))
            self._counts.restart()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def finish(self, passes: int) -> None:
        """End a batch: check that every layer was called as often as it should be, and start to count anew.

        What was kept stays until :meth:`clear`.

        Args:
            passes: How often the batch went through the model, see :func:`~posescope.capture.passes.passes_of`.

        Raises:
            CaptureError: A layer was not called, or not as often in each pass as in batches before.
        """
        self._counts.finish(passes)

    def drop_silent(self) -> tuple[str, ...]:
        """Before the first batch is finished, leave out layers that it did not call; returns their names.

        For layers that nobody named, so that nobody is let down.
        """
        silent = self._counts.drop_silent()
        self.modules = tuple(name for name in self.modules if name not in silent)
        return silent

    def clear(self) -> None:
        """Forget what was kept, and the calls of the current batch."""
        self.outputs = KeptOutputs()
        self.gradients = defaultdict(list)
        self._counts.restart()

    def _read(self, layer: Layer, output: Any) -> Any:
        """Read a call's output; what the caller gets has the same values."""
        if in_backward():
            return output
        layer.check([path for path, _ in tensors_in(output)])
        call = self._counts.next_call(layer.name)
        return replaced(output, partial(self._take, layer, call))

    def _take(self, layer: Layer, call: int, path: Path, tensor: Tensor) -> Tensor:
        """Hand out or keep one tensor; gives back the one that the model goes on with."""
        if not layer.wants(path):
            return tensor
        name = layer.name + path_name(path)
        follows = tensor.requires_grad and torch.is_grad_enabled()
        if self._wants_gradients:
            self._watch_gradient(name, tensor if follows else None)
        if self._receive is not None:
            self._receive(Output(name, call, tensor.detach()))
            return tensor
        # The kept tensor must stay what it is while the model may write to the one it goes on with. With a graph the
        # model gets the copy, since gradients have to pass through the kept one.
        self.outputs.add(name, tensor if follows else tensor.detach().clone())
        return tensor.clone() if follows else tensor

    def _watch_gradient(self, name: str, tensor: Tensor | None) -> None:
        """Make room for the gradient of one output, and have it filled by backward passes."""
        gradients = self.gradients[name]
        place = len(gradients)
        gradients.append(None)

        def add(gradient: Tensor) -> None:
            before = gradients[place]
            gradients[place] = gradient.detach().clone() if before is None else before + gradient.detach()

        if tensor is not None:
            tensor.register_hook(add)


class KeptOutputs(Mapping[str, list[Tensor]]):
    """Tensors by output name, one for each call; refuses to show one that was changed since."""

    def __init__(self) -> None:
        self._kept: dict[str, list[tuple[Tensor, int | None]]] = defaultdict(list)

    def add(self, name: str, tensor: Tensor) -> None:
        """Keep a call's output."""
        self._kept[name].append((tensor, _version(tensor)))

    def __getitem__(self, name: str) -> list[Tensor]:
        if name not in self._kept:
            raise KeyError(f'{name} was not read; read were {", ".join(self._kept) or "no outputs"}')
        for tensor, version in self._kept[name]:
            if _version(tensor) != version:
                raise CaptureError(f'{name} was changed in place after it was read; tap the layer that changes it')
        return [tensor for tensor, _ in self._kept[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


def _version(tensor: Tensor) -> int | None:
    """How often a tensor was written to; not counted in inference mode."""
    return None if tensor.is_inference() else tensor._version
