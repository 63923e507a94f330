"""Where joints look: rows of attention of a model, batch after batch, as arrays with one row a person."""

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Literal, get_args

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from numpy.typing import NDArray
from torch import Tensor, nn

from posescope.capture.attention import AttentionCall, AttentionTaps, rollout
from posescope.capture.carried_grids import Origin
from posescope.capture.first_batch import FirstBatch
from posescope.capture.geometry import Grid
from posescope.capture.narrowing import narrowed
from posescope.capture.passes import MIRRORED, name_of_call, passes_of
from posescope.capture.person_samples import read_people
from posescope.capture.store.crops import crop_to_image, image_to_cells
from posescope.capture.store.sample import Sample
from posescope.errors import CaptureError, InputError, nearest

__all__ = ['ROLLOUT', 'AttentionRecorder', 'Heads', 'Queries', 'check_choices']

Queries = Literal['predicted', 'labelled', 'all']
Heads = Literal['each', 'mean']
ROLLOUT = 'rollout'
"""Name of the array with all layers' attention multiplied."""


class AttentionRecorder:
    """While entered, keeps queries and keys; :meth:`collect` rebuilds the rows that were asked for.

    On a map, a joint's query is the cell under the joint. Attention between joint tokens or in other sequences
    is kept as a whole.

    Args:
        model: A pose estimator.
        layers: Patterns over names of attention modules; ``*`` for all that a forward pass calls.
        queries: Rows of the places where joints were ``predicted`` or are ``labelled``, or ``all``.
        heads: ``each``, or their ``mean``.
        rolled: Whether attention rollout through all layers is kept too, as :data:`ROLLOUT`.
        dtype: Floating point type of what is kept.
        mirrored: Whether the second pass of ``flip_test`` is kept too; there the query of a joint is the cell under its
            mirror image.
        udp: Whether crops are cut as UDP does.

    Attributes:
        passes: Of the model.
        grids: By name of the array, where its last two axes lie in the model's input; known after the first batch.

    Raises:
        InputError: A pattern matches nothing, or an option is unknown.
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Sequence[str] | str = '*',
        queries: Queries = 'predicted',
        heads: Heads = 'each',
        rolled: bool = False,
        dtype: torch.dtype = torch.float16,
        mirrored: bool = True,
        udp: bool = False,
    ) -> None:
        check_choices(queries, heads)
        self._queries, self._mean, self._rolled = queries, heads == 'mean', rolled
        self._dtype, self._mirrored, self._udp = dtype, mirrored, udp
        self._chosen = layers == '*'
        self._taps = AttentionTaps(model, layers)
        self._first = FirstBatch(model)
        self._stack = ExitStack()
        self.passes = passes_of(model)
        self.grids: dict[str, Grid | None] = {}
        self._origins: dict[str, tuple[Origin | None, Origin | None]] = {}

    def __enter__(self) -> 'AttentionRecorder':
        self.grids = {}
        with ExitStack() as stack:
            stack.enter_context(self._first)
            stack.enter_context(self._taps)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._taps.clear()
        self._stack.__exit__(kind, error, traceback)

    def collect(self, data_samples: Sequence[PoseDataSample]) -> dict[str, Tensor]:
        """End a batch, and rebuild its rows.

        Args:
            data_samples: What the model returned for the batch.

        Returns:
            By name, one tensor on the CPU: (N, heads, K, h, w) over a map, h · w queries instead of K with
            ``queries='all'``, or (N, heads, L, L) between tokens that are no map. The axis of heads is missing with
            ``heads='mean'``. NaN where a joint is not labelled.

        Raises:
            CaptureError: Attention was not called as often as it should be, or joints were not predicted.
        """
        if not self._first.finished:
            self._origins = {
                layer: (self._first.origin(calls[0].k), self._first.origin(calls[0].q))
                for layer, calls in self._taps.calls.items()
            }
            if self._chosen:
                self._taps.drop_silent()
        self._first.finish()
        self._taps.finish(len(self.passes))
        people = read_people(data_samples, self.passes, self._udp)
        joints = None if self._queries == 'all' else self._joints(data_samples, people)
        arrays: dict[str, Tensor] = {}
        for turn in self.passes if self._mirrored else self.passes[:1]:
            calls = self._calls(turn)
            places = {name: self._cells(call, people, joints, turn == MIRRORED) for name, call in calls.items()}
            for name, call in calls.items():
                arrays[name] = self._kept(name, call, places[name], _rows(call, places[name]))
            if self._rolled:
                last, call = next(reversed(calls.items()))
                name = name_of_call(ROLLOUT, self.passes.index(turn), 1, self.passes)
                arrays[name] = self._kept(name, call, places[last], _rolled(list(calls.values()), places[last]))
        self._taps.clear()
        return arrays

    def _calls(self, turn: str) -> dict[str, AttentionCall]:
        """The calls of one pass, by name of their array, in the model's order."""
        named = {}
        for layer in self._taps.names:
            calls = self._taps.calls[layer]
            per_pass = len(calls) // len(self.passes)
            begin = self.passes.index(turn) * per_pass
            for number in range(begin, begin + per_pass):
                named[name_of_call(layer, number, per_pass, self.passes)] = calls[number]
        return named

    def _joints(self, data_samples: Sequence[PoseDataSample], people: Sequence[Sample]) -> NDArray[np.float64]:
        """(N, K, 2) x and y of the joints to look from, image pixels; NaN where there is none."""
        if any(person.ann_id is None for person in people):
            raise CaptureError("whole images have no joint of one person to look from: choose queries='all'")
        if self._queries == 'predicted':
            return np.stack([person.keypoints for person in people]).astype(np.float64)
        return np.stack([_labelled(sample) for sample in data_samples])

    def _cells(
        self, call: AttentionCall, people: Sequence[Sample], joints: NDArray[np.float64] | None, mirrored: bool
    ) -> Tensor | None:
        """(N, K, 2) rows and columns of the joints on the queries' map; None where all rows are wanted."""
        if joints is None or call.query_grid is None:
            return None
        grid = self._grid(call.query_grid, self._origins[call.name][1])
        if grid is None:
            raise CaptureError(f"{call.name}: where its {call.query_grid} cells lie is not known: choose queries='all'")
        size = np.stack([person.input_size for person in people])
        transform = crop_to_image(
            np.stack([person.input_center for person in people]),
            np.stack([person.input_scale for person in people]),
            size,
            np.array([person.rotation for person in people]),
            np.array([person.udp for person in people]),
        )
        placed = {'scale': grid.scale, 'offset': grid.offset}
        return torch.from_numpy(image_to_cells(joints[..., ::-1], placed, transform, size[:, 0], mirrored))

    def _grid(self, size: tuple[int, int] | None, origin: Origin | None) -> Grid | None:
        """Where a map of keys or queries lies; a branch may have made them of a map of its own."""
        if size is None:
            return None
        return origin.grid if origin is not None and origin.size == size else self._first.watch.grids.get(size)

    def _kept(self, name: str, call: AttentionCall, cells: Tensor | None, rows: Tensor) -> Tensor:
        """Lay rows out as maps, average heads, and make a narrow copy."""
        self.grids[name] = self._grid(call.grid, self._origins[call.name][0])
        if cells is not None and not (found := torch.isfinite(cells).all(-1)).all():
            rows = rows.masked_fill(~found[:, None, :, None].to(rows.device), torch.nan)
        if call.grid is not None:
            height, width = call.grid
            rows = rows[..., call.prefix : call.prefix + height * width].unflatten(-1, call.grid)
        return narrowed(rows.mean(1) if self._mean else rows, self._dtype, name).cpu()


def check_choices(queries: str, heads: str) -> None:
    """Refuse options of :class:`AttentionRecorder` that are unknown.

    Raises:
        InputError: One is.
    """
    for name, value, choices in (('queries', queries, get_args(Queries)), ('heads', heads, get_args(Heads))):
        if value not in choices:
            close = nearest(str(value), choices, 1)
            raise InputError(f'{name}={value!r} is not one of {", ".join(choices)} (nearest: {close})')


def _rows(call: AttentionCall, cells: Tensor | None) -> Tensor:
    """(N, heads, Q, Lk), for the queries at places, or for all."""
    return call.full() if cells is None else call.rows(call.queries_at(cells.nan_to_num()))


def _rolled(calls: Sequence[AttentionCall], cells: Tensor | None) -> Tensor:
    """(N, 1, Q, L) of rollout through all layers, for the queries at places of the last one, or for all."""
    found = rollout([call.full().mean(1) for call in calls])[:, None]
    if cells is None:
        return found
    queries = calls[-1].queries_at(cells.nan_to_num())
    return found.gather(2, queries[:, None, :, None].expand(-1, 1, -1, found.shape[-1]))


def _labelled(data_sample: PoseDataSample) -> NDArray[np.float64]:
    """(K, 2) labelled joints of a person, image pixels; NaN where there is no label."""
    labels = data_sample.gt_instances
    if 'keypoints' not in labels:
        raise InputError("queries='labelled': the data set has no labelled joints; choose 'predicted'")
    visible = np.asarray(labels.keypoints_visible[0])
    visible = visible[..., 0] if visible.ndim == 2 else visible
    return np.where(visible[:, None] > 0, labels.keypoints[0, :, :2], np.nan).astype(np.float64)
