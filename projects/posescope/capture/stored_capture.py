"""A recorder whose batches go to a store, and to pictures of the first people."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType

from mmpose.structures import PoseDataSample
from torch import Tensor

from posescope.capture.geometry import Grid
from posescope.capture.person_samples import read_batch
from posescope.capture.recorder import Recorder
from posescope.capture.reductions import ReducedWriter
from posescope.capture.store.sample import Sample
from posescope.capture.store.writer import StoreWriter

__all__ = ['Drawing', 'Sink', 'StoredCapture']

Sink = StoreWriter | ReducedWriter
"""What takes samples and arrays to a store."""

Drawing = Callable[[Sample, dict[str, Tensor], dict[str, Grid | None]], None]
"""Draws one person: takes the row, the person's arrays (one row of each) and where their cells lie."""


class StoredCapture:
    """While entered, a model is looked into, and :meth:`add` writes what was seen of a batch.

    Args:
        recorder: Looks into the model.
        writer: Of the store.
        draw: Called for the first people; None draws nobody.
        people: How many people are drawn.
        udp: Whether crops are cut as UDP does.
    """

    def __init__(
        self, recorder: Recorder, writer: Sink, draw: Drawing | None = None, people: int = 0, udp: bool = False
    ) -> None:
        self._recorder = recorder
        self._writer = writer
        self._draw = draw
        self._left = people if draw is not None else 0
        self._udp = udp
        self._stack = ExitStack()

    def __enter__(self) -> 'StoredCapture':
        with ExitStack() as stack:
            stack.enter_context(self._writer)
            stack.enter_context(self._recorder)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def add(self, data_samples: Sequence[PoseDataSample]) -> None:
        """End a batch.

        Args:
            data_samples: What the model returned for it.
        """
        arrays = self._recorder.collect(data_samples)
        people = read_batch(data_samples, self._recorder.passes, self._udp)
        self._writer.write(people, arrays, self._recorder.grids, copy=False)
        for row, person in enumerate(people[: self._left]):
            assert self._draw is not None
            self._draw(person, {name: array[row] for name, array in arrays.items()}, self._recorder.grids)
        self._left -= min(self._left, len(people))
