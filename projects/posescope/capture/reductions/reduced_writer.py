"""A store whose layers are reduced on their way in."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posescope.capture.reductions.reduction import AllReduce, Reduction
from posescope.capture.reductions.registry import build_reduction
from posescope.capture.store.crops import image_to_cells
from posescope.capture.store.index import SampleIndex
from posescope.capture.store.manifest import grid_entry
from posescope.capture.store.reader import MIRRORED
from posescope.capture.store.sample import Sample
from posescope.capture.store.writer import StoreWriter
from posescope.errors import CaptureError

__all__ = ['ReducedWriter', 'joint_places']

_Batch = tuple[Sequence[Sample], dict[str, Tensor]]
_MOST_BYTES = 2**30
"""How much may wait in each rank, about."""


class ReducedWriter:
    """Takes what a :class:`StoreWriter` takes, and hands it on reduced; a context manager that enters the writer.

    A reduction that must be fitted makes the first samples wait in memory, with all that the layers gave for them:
    about 1 GiB a rank at most, then it is fitted to fewer. What it was fitted to is kept in the store before the first
    sample is, so that a resumed run reduces as the first one did.

    Ranks that fit wait for each other, so when they do must not depend on what one of them happens to hold: while the
    run goes on where each rank will have enough samples for it, and else in :meth:`close`, which all ranks come to.

    Args:
        writer: Of the store.
        reduction: As :func:`build_reduction` takes it; each layer gets its own.
        all_reduce: Under several ranks; each must write at least one sample, or the others wait for it in vain.
    """

    def __init__(
        self, writer: StoreWriter, reduction: str | Mapping[str, Any] | None, all_reduce: AllReduce | None = None
    ) -> None:
        self._writer, self._config, self._all_reduce = writer, reduction, all_reduce
        build_reduction(reduction)  # refuses a wrong config before the run begins
        self._reductions: dict[str, Reduction] = {}
        self._grids: dict[str, Any] = {}
        self._waiting: list[_Batch] = []

    def __enter__(self) -> 'ReducedWriter':
        self._writer.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._writer.__exit__(kind, error, trace)

    def has(self, sample: Sample) -> bool:
        """As :meth:`StoreWriter.has`."""
        return self._writer.has(sample)

    def write(
        self,
        samples: Sequence[Sample],
        arrays: Mapping[str, Tensor],
        grids: Mapping[str, Any] | None = None,
        copy: bool = True,
    ) -> None:
        """Reduce and add samples.

        Args:
            samples: N.
            arrays: Layer → (N, ...).
            grids: As in :meth:`StoreWriter.write`; of the first call.
            copy: Whether arrays may be changed afterwards by their owner.
        """
        if not self._reductions:
            self._grids = {name: grid_entry(grid) for name, grid in (grids or {}).items()}
            self._reductions = {name: build_reduction(self._config) for name in arrays}
            for name, reduction in self._reductions.items():
                reduction.restore(self._writer.fitted(name))
        if all(reduction.fitted for reduction in self._reductions.values()):
            self._hand_on(samples, arrays, copy)
            return
        self._waiting.append((samples, {name: tensor.detach().clone() for name, tensor in arrays.items()}))
        if self._is_enough(sum(len(waiting) for waiting, _ in self._waiting), arrays):
            self._fit()

    def close(self) -> None:
        """Fit to fewer samples if there were no more, and close the writer."""
        try:
            if self._waiting:
                self._fit()
        except BaseException as error:
            self._writer.__exit__(type(error), error, error.__traceback__)
            raise
        self._writer.close()

    def _is_enough(self, mine: int, arrays: Mapping[str, Tensor]) -> bool:
        """Whether to fit now, told from the samples of this rank so that each rank says yes once, or none does."""
        each = sum(tensor[0].numel() * tensor.element_size() for tensor in arrays.values() if len(tensor))
        most = max(1, _MOST_BYTES // max(1, each))
        world = self._writer.world
        share = -(-min(max(reduction.fit_samples for reduction in self._reductions.values()), most * world) // world)
        # The sampler gives a rank as many samples as another, or one less.
        smallest = mine if world == 1 else (self._writer.expected or 0) // world
        return mine >= share and smallest >= share

    def _fit(self) -> None:
        waiting, self._waiting = self._waiting, []
        unfitted = {name: reduction for name, reduction in self._reductions.items() if not reduction.fitted}
        for name, reduction in unfitted.items():
            reduction.fit([arrays[name] for _, arrays in waiting if name in arrays], self._all_reduce)
        for name, reduction in unfitted.items():  # all or none
            self._writer.save_fitted(name, reduction.state())
        for samples, arrays in waiting:
            self._hand_on(samples, arrays, copy=False)

    def _hand_on(self, samples: Sequence[Sample], arrays: Mapping[str, Tensor], copy: bool) -> None:
        reduced = {}
        for name, tensor in arrays.items():
            if name not in self._reductions:
                raise CaptureError(f'layer {name} was not in the first batch, unlike in this one')
            reduction = self._reductions[name]
            places = joint_places(name, samples, self._grids.get(name)) if reduction.needs_places else None
            reduced[name] = reduction.apply(tensor, places)
        grids = {name: self._grids.get(name) for name in arrays if self._reductions[name].keeps_grid}
        described = {name: reduction.describe() for name, reduction in self._reductions.items()}
        self._writer.write(samples, reduced, grids, described, copy)


def joint_places(layer: str, samples: Sequence[Sample], grid: Mapping[str, Any] | None) -> Tensor:
    """Say where on a layer's map the predicted joints are.

    Args:
        layer: Its name tells whether it saw the mirrored input.
        samples: N, with K keypoints each.
        grid: Of the layer.

    Returns:
        (N, K, 2) row and column, float32.

    Raises:
        CaptureError: The layer is no map of the input, or nothing was predicted for a single person.
    """
    if grid is None:
        raise CaptureError(
            f'layer {layer} is no map of the input, so joints have no place on it; choose another reduction'
        )
    index = SampleIndex.of(samples)
    if not index.keypoints.shape[1]:
        raise CaptureError(f'layer {layer}: there are no keypoints of one person a row; choose another reduction')
    yx, width = index.keypoints[..., ::-1].astype(np.float64), index.input_sizes[:, 0]
    return torch.from_numpy(image_to_cells(yx, grid, index.transforms, width, layer.endswith(MIRRORED))).float()
