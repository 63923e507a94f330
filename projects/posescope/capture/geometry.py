"""Which pixels of a model's input the cells of its maps look at, found by watching it run."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from posescope.capture.eager_mode import EagerMode
from posescope.capture.grid import STEPS, Grid, aligned_by_halves, size_after, step_of
from posescope.capture.interception import Interception
from posescope.capture.layers import unwrapped
from posescope.capture.outputs import tensors_in
from posescope.capture.passes import backbone_of

__all__ = ['GeometryWatch', 'Grid', 'codec_grid', 'grid_for', 'grid_of_tokens']

_FLOORED = 'MoveNetCodec', 'MegviiHeatmap'
"""Codecs in which cell c holds places from c up to c + 1."""


class GeometryWatch(AbstractContextManager['GeometryWatch']):
    """While entered, follows the maps of a model from its input on.

    A map's resolution says which grid it lies on. The operator that first reaches a resolution from a known one decides
    about it: strided convolutions and pooling on the way down. What is scaled up again meets their maps there, by
    addition or because it was trained to. An unknown resolution that enters such an operator, as after a rearrangement
    of pixels into channels, is taken to share the input's edges.

    Args:
        model: A model; what enters its ``backbone`` is the input, or what enters the model where it has none.

    Attributes:
        input_size: Rows and columns of the input; None before the first run.
        grids: By rows and columns of a map, its grid. An input of another size starts anew.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._name, self._watched = backbone_of(model)
        self._stack = ExitStack()
        self.input_size: tuple[int, int] | None = None
        self.grids: dict[tuple[int, int], Grid] = {}

    def __enter__(self) -> 'GeometryWatch':
        with ExitStack() as stack:
            stack.enter_context(EagerMode(self._model))
            stack.enter_context(Interception(self._watched, before=self._start, name=self._name))
            _Operators.show(self)
            stack.callback(_Operators.hide, self)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(self, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        """Take the size of the input."""
        picture = next((tensor for _, tensor in tensors_in([args, options]) if tensor.dim() == 4), None)
        if picture is None:
            return
        size = int(picture.shape[-2]), int(picture.shape[-1])
        if size != self.input_size:
            self.input_size = size
            self.grids = {size: Grid()}

    def follow(self, operator: Any, args: Sequence[Any], output: Any) -> None:
        """Find the grid of what an operator of ATen gave, if its resolution is new.

        Args:
            operator: The operator.
            args: Its positional arguments.
            output: What it gave.
        """
        if self.input_size is None or operator.overloadpacket not in STEPS:
            return
        if not args or not isinstance(args[0], Tensor) or args[0].dim() != 4:
            return
        size = size_after(operator, args, output)
        if size in self.grids or 0 in size:
            return
        before = int(args[0].shape[-2]), int(args[0].shape[-1])
        grid = self.grids.setdefault(before, aligned_by_halves(before, self.input_size))
        step = step_of(operator, args, output)
        if step is not None:
            self.grids[size] = grid.after(step)


class _Operators(TorchDispatchMode):
    """Shows watches every operator that runs.

    PyTorch's modes have to be left in the opposite order. Watches need not: they share one mode, which the first enters
    and the last leaves.
    """

    _shared: '_Operators | None' = None

    def __init__(self) -> None:
        super().__init__()
        self.watches: list[GeometryWatch] = []

    @classmethod
    def show(cls, watch: GeometryWatch) -> None:
        """Begin to show operators to a watch."""
        if cls._shared is None:
            shared = cls()
            shared.__enter__()
            cls._shared = shared
        cls._shared.watches.append(watch)

    @classmethod
    def hide(cls, watch: GeometryWatch) -> None:
        """Show them no longer."""
        shared = cls._shared
        assert shared is not None
        shared.watches.remove(watch)
        if not shared.watches:
            cls._shared = None
            shared.__exit__(None, None, None)

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = operator(*args, **(kwargs or {}))
        for watch in self.watches:
            watch.follow(operator, args, output)
        return output


def grid_for(shape: Sequence[int], watch: GeometryWatch, model: nn.Module, layer: str = '') -> Grid | None:
    """Find the grid of what a layer gave.

    Args:
        shape: Of the whole tensor: maps (N, C, H, W), maps (N, H, W, C), or tokens (N, L, C).
        watch: One that saw this model run.
        model: The model. Its head's codec decides about heatmaps: they mean what decoding takes them for.
        layer: Name of the layer.

    Returns:
        The grid; None for what does not lie on one, such as vectors and SimCC's axes.
    """
    if watch.input_size is None:
        return None
    if len(shape) == 3:
        tokens = grid_of_tokens(shape[1], watch, model)
        return None if tokens is None else watch.grids[tokens[0]]
    if len(shape) != 4:
        return None
    size, size_last = (int(shape[2]), int(shape[3])), (int(shape[1]), int(shape[2]))
    if layer.partition('.')[0].partition('[')[0] == 'head' and (grid := codec_grid(model, size)) is not None:
        return grid
    for known in (size, size_last):
        if known in watch.grids:
            return watch.grids[known]
    return aligned_by_halves(size, watch.input_size) if _of_one_shape(size, watch.input_size) else None


def grid_of_tokens(length: int, watch: GeometryWatch, model: nn.Module) -> tuple[tuple[int, int], int] | None:
    """Find the map that a sequence of tokens was made of.

    Args:
        length: How many tokens.
        watch: One that saw this model run.
        model: The model, whose backbone may say how many tokens precede the map's (``num_extra_tokens``).

    Returns:
        Rows and columns of the map, and how many tokens precede it; None if it is none that was seen.
    """
    extra = getattr(backbone_of(model)[1], 'num_extra_tokens', 0)
    for before in dict.fromkeys((0, int(extra), 1)):
        for rows, columns in watch.grids:
            if rows * columns == length - before > 1:
                return (rows, columns), before
    return None


def codec_grid(model: nn.Module, size: tuple[int, int]) -> Grid | None:
    """Find the grid that a head's codec takes its heatmaps to lie on.

    Args:
        model: The model.
        size: Rows and columns of a map.

    Returns:
        The grid: pixel ``scale_factor · cell``, where cells are points as in MSRA and UDP heatmaps, and half a cell
        more where they hold places from c up to c + 1. None if the head has no codec with heatmaps of this size.
    """
    decoders = getattr(getattr(unwrapped(model), 'head', None), 'decoder', None)
    for decoder in decoders if isinstance(decoders, list | tuple) else [decoders]:
        heatmap_size = getattr(decoder, 'heatmap_size', None)
        if heatmap_size is None or (int(heatmap_size[1]), int(heatmap_size[0])) != size:
            continue
        stride = getattr(decoder, 'scale_factor', getattr(decoder, 'stride', None))
        if stride is None:
            continue
        scale = float(stride[1]), float(stride[0])
        centre = float(getattr(decoder, 'decode_center_shift', 0.0))
        if type(decoder).__name__ in _FLOORED:
            centre = 0.5
        if type(decoder).__name__ == 'CategoricalHeatmap':
            return Grid(scale, ((scale[0] - 1) / 2, (scale[1] - 1) / 2))
        return Grid(scale, (scale[0] * centre, scale[1] * centre))
    return None


def _of_one_shape(size: tuple[int, int], input_size: tuple[int, int]) -> bool:
    """Whether a map is as high for its width as the input, to a cell, and no larger."""
    (rows, columns), (height, width) = size, input_size
    return rows <= height and columns <= width and abs(rows * width - columns * height) <= max(height, width)
