"""Which map each tensor of a running model was computed from, and where that map lies in the model's input."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from posescope.capture.grid import STEPS, Grid, aligned_by_halves, size_after, step_of

__all__ = ['CarriedGrids', 'Origin']

Size = tuple[int, int]


@dataclass(frozen=True)
class Origin:
    """The map that a tensor was computed from.

    Attributes:
        size: Its rows and columns.
        grid: Where they lie in the model's input.
        scaled_up: Whether it was made of a coarser map.
    """

    size: Size
    grid: Grid
    scaled_up: bool = False


class CarriedGrids:
    """Follows a model's maps from operator to operator, through everything else that is done with them.

    What an operator gives lies where its input lay, moved by the operator's step. Of several inputs, those count that
    are as large as what comes out, before them those that were not scaled up, and then the first: a residual branch
    before its shortcut, a map before what gates it. A map that is scaled up to a resolution which is known meets the
    maps that are there, by addition or because it was trained to. A map that nobody followed, as after a
    rearrangement of pixels into channels, is taken to lie as others of its resolution do, or to share the input's
    edges.

    Tensors are told apart by their memory, which views share.

    Args:
        picture: The model's input (N, C, H, W).

    Attributes:
        input_size: Rows and columns of the input.
        grids: By rows and columns, the grid of the last map of this resolution.
    """

    def __init__(self, picture: Tensor) -> None:
        self.input_size: Size = int(picture.shape[-2]), int(picture.shape[-1])
        self.grids: dict[Size, Grid] = {}
        self._origins: dict[int, Origin] = {}
        self.begin(picture)

    def begin(self, picture: Tensor) -> None:
        """Start from another input of the same size."""
        self._keep(picture, Origin(self.input_size, Grid()))

    def of(self, tensor: Tensor) -> Origin | None:
        """The map that a tensor was computed from, as long as the tensor lives; None if it was computed from none."""
        return self._origins.get(_memory(tensor))

    def follow(self, operator: Any, args: Sequence[Any], options: dict[str, Any], output: Any) -> None:
        """Find the map that what an operator gave was computed from.

        Args:
            operator: An operator of ATen.
            args: Its positional arguments.
            options: Its keyword arguments.
            output: What it gave.
        """
        given = list(_tensors(output if isinstance(output, tuple | list) else (output,)))
        if not given:
            return
        origin = self._moved(operator, args, output) or self._inherited(args, options, given[0].shape)
        for tensor in given:
            self._keep(tensor, origin)

    def _moved(self, operator: Any, args: Sequence[Any], output: Any) -> Origin | None:
        """The map that an operator of :data:`STEPS` made of another; None for other operators, and what is no map."""
        if operator.overloadpacket not in STEPS or not args or not isinstance(args[0], Tensor) or args[0].dim() != 4:
            return None
        step, size = step_of(operator, args, output), size_after(operator, args, output)
        if step is None or 0 in size:
            return None
        before = self._map(args[0])
        if before is None:
            return None
        scaled_up = before.scaled_up or min(step.scale) < 1
        if min(step.scale) < 1 and size in self.grids:
            return Origin(size, self.grids[size], scaled_up)
        return Origin(size, before.grid.after(step), scaled_up)

    def _map(self, tensor: Tensor) -> Origin | None:
        """A map (N, C, H, W) itself; None for one that has its channels last."""
        size = int(tensor.shape[2]), int(tensor.shape[3])
        origin = self.of(tensor)
        if origin is not None and origin.size == size:
            return origin
        if origin is not None and origin.size == tuple(tensor.shape[1:3]):
            return None
        return Origin(size, self.grids.setdefault(size, aligned_by_halves(size, self.input_size)))

    def _inherited(self, args: Sequence[Any], options: dict[str, Any], shape: Sequence[int]) -> Origin | None:
        """The map that the most important of an operator's inputs was computed from."""
        best: Origin | None = None
        lowest = 2, True
        for tensor in _tensors((*args, *options.values())):
            origin = self.of(tensor)
            if origin is not None:
                # What gates a map may have been averaged over one of the same size.
                away = not (_fits(origin.size, tensor.shape) and _fits(origin.size, shape))
                rank = int(away), origin.scaled_up
                if rank < lowest:
                    best, lowest = origin, rank
        return best

    def _keep(self, tensor: Tensor, origin: Origin | None) -> None:
        memory = _memory(tensor)
        if not memory:
            return
        if origin is None:
            self._origins.pop(memory, None)  # of a tensor that was here before
            return
        self._origins[memory] = origin
        if tensor.dim() == 4 and tuple(tensor.shape[2:]) == origin.size:
            self.grids[origin.size] = origin.grid


def _tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    """The tensors among what an operator takes or gives: themselves, or in lists."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from (entry for entry in value if isinstance(entry, Tensor))


def _fits(size: Size, shape: Sequence[int]) -> bool:
    """Whether a shape is that of maps (N, C, H, W) or (N, H, W, C) of a size, or of tokens (N, L, C) made of them."""
    if len(shape) == 4:
        return size in (tuple(shape[2:]), tuple(shape[1:3]))
    return len(shape) == 3 and size[0] * size[1] == shape[1]


def _memory(tensor: Tensor) -> int:
    """What a tensor shares with its views; 0 for those without memory of their own, as sparse ones."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):
        return 0
