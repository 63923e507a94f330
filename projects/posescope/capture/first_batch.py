"""What the first batch that goes through a model tells: whether its passes are as expected, and where maps lie."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from types import TracebackType

from torch import Tensor, nn

from posescope.capture.carried_grids import Origin
from posescope.capture.geometry import GeometryWatch, Grid, grid_for, grid_of_tokens
from posescope.capture.passes import PassCheck
from posescope.errors import CaptureError

__all__ = ['FirstBatch', 'TokenGrid']


@dataclass(frozen=True)
class TokenGrid(Grid):
    """The grid of a map whose cells are tokens of a sequence, row by row.

    Attributes:
        size: Rows and columns of the map.
        prefix: How many tokens precede it.
    """

    size: tuple[int, int] = (0, 0)
    prefix: int = 0


class FirstBatch(AbstractContextManager['FirstBatch']):
    """While entered and until :meth:`finish`, watches a model; later batches are not slowed down.

    Args:
        model: A pose estimator.

    Attributes:
        finished: Whether a batch has been watched.
        watch: Knows the grids of the maps that it saw.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._stack = ExitStack()
        self.watch = GeometryWatch(model)
        self.finished = False

    def __enter__(self) -> 'FirstBatch':
        self.finished = False
        with ExitStack() as stack:
            stack.enter_context(self.watch)
            stack.enter_context(PassCheck(self._model))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Nothing was promised of a batch that never came to its end.
        unfinished = error or CaptureError('no batch')
        self._stack.__exit__(type(unfinished), unfinished, traceback)

    def finish(self) -> None:
        """End the first batch, stop to watch, and check; does nothing for later ones.

        Raises:
            CaptureError: The passes were not those of the model's config.
        """
        if not self.finished:
            self.finished = True
            self._stack.close()

    def origin(self, tensor: Tensor) -> Origin | None:
        """Tell which map a tensor of the first batch was computed from, while it lives; None in later batches."""
        return None if self.finished else self.watch.origin(tensor)

    def grid(self, layer: str, shape: Sequence[int], origin: Origin | None = None) -> Grid | None:
        """Tell where the cells of an array lie in the model's input.

        Args:
            layer: Name of the array.
            shape: Of a batch of it.
            origin: What :meth:`origin` said about it.
        """
        grid = grid_for(shape, self.watch, self._model, layer, origin)
        tokens = None
        if grid is not None and len(shape) == 3:
            tokens = grid_of_tokens(shape[1], self.watch, self._model, origin)
        return grid if grid is None or tokens is None else TokenGrid(grid.scale, grid.offset, *tokens)
