"""Feature maps of a model, batch after batch, as arrays with one row a person."""

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType

import torch
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from posescope.capture.carried_grids import Origin
from posescope.capture.first_batch import FirstBatch
from posescope.capture.geometry import Grid
from posescope.capture.narrowing import narrowed
from posescope.capture.passes import MIRRORED, name_of_call, passes_of
from posescope.capture.stages import stages_of
from posescope.capture.taps import Output, Taps
from posescope.errors import CaptureError

__all__ = ['FeatureRecorder']


class FeatureRecorder:
    """While entered, copies what layers give; afterwards the model is as it was.

    Values are copied the moment a layer gives them, so nothing that works in place can change them afterwards.

    Args:
        model: A pose estimator.
        layers: Patterns, see :func:`~posescope.capture.layers.find_layers`, or ``'stages'`` for those of
            :func:`~posescope.capture.stages.stages_of` that a forward pass calls.
        dtype: Floating point type of what is kept; None for the model's own.
        mirrored: Whether the second pass of ``flip_test`` is kept too, as ``<layer>@mirrored``, as the model saw it.

    Attributes:
        passes: Of the model.
        grids: By name of the array, where its cells lie in the model's input; known after the first batch, None for
            arrays that are no maps.

    Raises:
        InputError: A pattern matches nothing.

    Example:
        Arrays of one batch, in a notebook::

            with FeatureRecorder(model, ['backbone.layer4']) as recorder:
                arrays = recorder.collect(model.test_step(batch))
            arrays['backbone.layer4']  # (people, channels, height, width)
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Sequence[str] | str = 'stages',
        dtype: torch.dtype | None = torch.float16,
        mirrored: bool = True,
    ) -> None:
        self._dtype = dtype
        self._mirrored = mirrored
        self._chosen = layers == 'stages'
        names = stages_of(model) if self._chosen else [layers] if isinstance(layers, str) else layers
        self._taps = Taps(model, names, self._receive)
        self._first = FirstBatch(model)
        self._seen: dict[tuple[str, int], Tensor] = {}
        self._origins: dict[tuple[str, int], Origin | None] = {}
        self._stack = ExitStack()
        self.passes = passes_of(model)
        self.grids: dict[str, Grid | None] = {}

    def __enter__(self) -> 'FeatureRecorder':
        self.grids, self._origins = {}, {}
        with ExitStack() as stack:
            stack.enter_context(self._first)
            stack.enter_context(self._taps)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._seen.clear()
        self._stack.__exit__(kind, error, traceback)

    def collect(self, data_samples: Sequence[PoseDataSample]) -> dict[str, Tensor]:
        """End a batch, and take what was copied of it.

        Args:
            data_samples: What the model returned for the batch.

        Returns:
            By name, one tensor on the CPU whose first axis goes over the data samples.

        Raises:
            CaptureError: A layer was not called as often as it should be, the model did not see the passes that its
                config speaks of, or a layer's first axis does not go over the samples; or it called no stage at all.
        """
        if not self._first.finished and self._chosen:
            silent = self._taps.drop_silent()
            if not self._taps.modules:
                raise CaptureError(f"layers='stages': the model called none of {', '.join(silent)}; name the layers")
        self._first.finish()
        self._taps.finish(len(self.passes))
        seen, self._seen = self._seen, {}
        arrays = {}
        for (layer, call), tensor in seen.items():
            name = name_of_call(layer, call, self._taps.calls_per_pass[_module(layer)], self.passes)
            if self._mirrored or not name.endswith(f'@{MIRRORED}'):
                arrays[name] = _checked(name, tensor, len(data_samples)).cpu()
                if name not in self.grids:
                    self.grids[name] = self._first.grid(name, tensor.shape, self._origins.get((layer, call)))
        return arrays

    def _receive(self, output: Output) -> None:
        """Copy an output, unless it is of a pass that nobody wants."""
        per_pass = self._taps.calls_per_pass.get(_module(output.layer))
        if self._mirrored or per_pass is None or output.call < per_pass:
            if not self._first.finished:
                self._origins[output.layer, output.call] = self._first.origin(output.tensor)
            self._seen[output.layer, output.call] = narrowed(output.tensor, self._dtype, output.layer)


def _module(output: str) -> str:
    return output.partition('[')[0]


def _checked(name: str, tensor: Tensor, samples: int) -> Tensor:
    if tensor.ndim == 0 or len(tensor) != samples:
        raise CaptureError(
            f'{name} gives {tuple(tensor.shape)} for {samples} data samples: its first axis does not go over them; '
            'capture a layer around it instead'
        )
    return tensor
