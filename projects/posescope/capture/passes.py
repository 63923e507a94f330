"""How often a batch goes through a model, and what it is turned into each time."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from posescope.capture.eager_mode import EagerMode
from posescope.capture.interception import Interception, in_backward
from posescope.capture.layers import unwrapped
from posescope.capture.outputs import tensors_in
from posescope.errors import CaptureError, InputError

__all__ = ['MIRRORED', 'PassCheck', 'name_of_call', 'passes_of']

MIRRORED = 'mirrored'
"""Name of the pass in which a model sees the mirrored picture."""
_PASSES = ('plain', MIRRORED)


def passes_of(model: nn.Module, mode: str = 'predict') -> tuple[str, ...]:
    """Tell how often a batch goes through an MMPose model.

    Args:
        model: Any model; one without ``test_cfg`` has a single pass.
        mode: That of its forward: ``'predict'``, ``'tensor'`` or ``'loss'``.

    Returns:
        ``('plain', 'mirrored')`` under ``flip_test``, else ``('plain',)``.

    Raises:
        InputError: ``test_cfg`` asks for several scales.
    """
    test_cfg = getattr(unwrapped(model), 'test_cfg', None) or {}
    if mode != 'predict':
        return _PASSES[:1]
    if test_cfg.get('multiscale_test', False):
        raise InputError('test_cfg.multiscale_test=True: capture reads maps of one scale only; set it to False')
    return _PASSES if test_cfg.get('flip_test', False) else _PASSES[:1]


def name_of_call(layer: str, call: int, calls_per_pass: int, passes: Sequence[str]) -> str:
    """Name what a layer gave in one of its calls.

    Args:
        layer: Name of the output.
        call: How many of the layer's calls came before in this batch.
        calls_per_pass: How often the layer is called in one pass.
        passes: As :func:`passes_of` gives them.

    Returns:
        ``layer`` for its first call in the plain pass, ``layer#2`` for its second, and ``layer@mirrored``,
        ``layer#2@mirrored`` for those of the mirrored pass.
    """
    which, repeat = divmod(call, calls_per_pass)
    if not 0 <= which < len(passes):
        raise CaptureError(f'{layer}: call {call} is none of {calls_per_pass} calls in each of {len(passes)} passes')
    name = layer if repeat == 0 else f'{layer}#{repeat + 1}'
    return name if which == 0 else f'{name}@{passes[which]}'


class PassCheck(AbstractContextManager['PassCheck']):
    """While entered, checks what goes into a model's backbone in one batch.

    Leaving without an exception raises unless the backbone ran once for each pass, and the mirrored pass saw the mirror
    image of what the plain pass saw.

    Args:
        model: A model; without a ``backbone``, the model itself is watched.
        mode: That of its forward.
        passes: Expected passes; None for those of :func:`passes_of`.

    Raises:
        CaptureError: Something else was seen.
    """

    def __init__(self, model: nn.Module, mode: str = 'predict', passes: Sequence[str] | None = None) -> None:
        self.passes = tuple(passes_of(model, mode) if passes is None else passes)
        self._model = model
        self._name, self._watched = backbone_of(model)
        self._seen: list[str] = []
        self._first: Tensor | None = None
        self._stack = ExitStack()

    def __enter__(self) -> 'PassCheck':
        self._seen, self._first = [], None
        with ExitStack() as stack:
            stack.enter_context(EagerMode(self._model))
            stack.enter_context(Interception(self._watched, before=self._see, name=self._name))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()
        self._first = None
        if error is None and tuple(self._seen) != self.passes:
            raise CaptureError(
                f'{self._name} was expected to see one batch {" and ".join(self.passes)}, and saw '
                f'{", then ".join(self._seen) or "nothing"}'
            )

    def _see(self, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        """Note what the backbone is given."""
        if in_backward():
            return
        picture = next((tensor for _, tensor in tensors_in([args, options])), None)
        if picture is None:
            self._seen.append('no tensor')
        elif self._first is None:
            self._first = picture.detach().clone()  # the backbone may write to it
            self._seen.append(_PASSES[0])
        else:
            self._seen.append(_compared(picture.detach(), self._first))


def backbone_of(model: nn.Module) -> tuple[str, nn.Module]:
    """The part of a model that sees the picture first, and its name; the model itself where it has no backbone."""
    model = unwrapped(model)
    backbone = getattr(model, 'backbone', None)
    return ('backbone', unwrapped(backbone)) if isinstance(backbone, nn.Module) else ('the model', model)


def _compared(picture: Tensor, first: Tensor) -> str:
    """Say what a picture is, compared with the first one."""
    if picture.shape != first.shape:
        return f'another size, {tuple(picture.shape)} after {tuple(first.shape)}'
    if torch.equal(picture, first.flip(-1)):
        return MIRRORED
    return 'the same again' if torch.equal(picture, first) else 'something else'
