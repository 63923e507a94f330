"""What a capture needs of the thing that looks into a model."""

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol

from mmpose.structures import PoseDataSample
from torch import Tensor

from posescope.capture.geometry import Grid

__all__ = ['Recorder']


class Recorder(Protocol):
    """While entered, keeps what a model computes; :meth:`collect` takes it, batch by batch.

    Attributes:
        passes: Of the model, see :func:`~posescope.capture.passes.passes_of`.
        grids: By name of the array, where its cells lie in the model's input; known after the first batch.
    """

    passes: tuple[str, ...]
    grids: dict[str, Grid | None]

    def __enter__(self) -> 'Recorder':
        """Begin to look."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the model as it was."""
        ...

    def collect(self, data_samples: Sequence[PoseDataSample]) -> dict[str, Tensor]:
        """End a batch: by name, one tensor whose first axis goes over the data samples."""
        ...
