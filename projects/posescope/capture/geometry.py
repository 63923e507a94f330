"""Which pixels of a model's input the cells of its maps look at, found by watching it run."""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from posescope.capture.carried_grids import CarriedGrids, Origin
from posescope.capture.eager_mode import EagerMode
from posescope.capture.grid import Grid, aligned_by_halves
from posescope.capture.interception import Interception
from posescope.capture.layers import named_layers, unwrapped
from posescope.capture.outputs import tensors_in
from posescope.capture.passes import backbone_of
from posescope.models.layers.token_encoder import TokenEncoder

__all__ = ['GeometryWatch', 'Grid', 'codec_grid', 'grid_for', 'grid_of_tokens']

_FLOORED = 'MoveNetCodec', 'MegviiHeatmap'
"""Codecs in which cell c holds places from c up to c + 1."""
_NAME = re.compile(r'[\[@#:]')
"""What ends a module's name in that of an array."""


class GeometryWatch(AbstractContextManager['GeometryWatch']):
    """While entered, follows the maps of a model from its input on, see :class:`CarriedGrids`.

    Args:
        model: A model; what enters its ``backbone`` is the input, or what enters the model where it has none.

    Attributes:
        input_size: Rows and columns of the input; None before the first run.
        grids: By rows and columns of a map, the grid of the last one of this resolution: a branch that is pooled on its
            way to something else does not decide about a later stage. An input of another size starts anew.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._name, self._watched = backbone_of(model)
        self._stack = ExitStack()
        self._carried: CarriedGrids | None = None

    @property
    def input_size(self) -> tuple[int, int] | None:  # noqa: D102  see the class
        return None if self._carried is None else self._carried.input_size

    @property
    def grids(self) -> dict[tuple[int, int], Grid]:  # noqa: D102
        return {} if self._carried is None else self._carried.grids

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

    def origin(self, tensor: Tensor) -> Origin | None:
        """Tell which map a tensor was computed from, while the model runs and the tensor lives.

        More exact than :func:`grid_for` where a model has maps of one size that lie differently.
        """
        return None if self._carried is None else self._carried.of(tensor)

    def _start(self, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        """Take the input."""
        picture = next((tensor for _, tensor in tensors_in([args, options]) if tensor.dim() == 4), None)
        if picture is None:
            return
        if self._carried is None or self._carried.input_size != tuple(picture.shape[-2:]):
            self._carried = CarriedGrids(picture)
        self._carried.begin(picture)

    def follow(self, operator: Any, args: Sequence[Any], options: dict[str, Any], output: Any) -> None:
        """See an operator of ATen.

        Args:
            operator: The operator.
            args: Its positional arguments.
            options: Its keyword arguments.
            output: What it gave.
        """
        if self._carried is not None:
            self._carried.follow(operator, args, options, output)


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
        options = kwargs or {}
        if torch.is_inference_mode_enabled() and isinstance(operator, OpOverload):
            # Without autograd, which takes them apart elsewhere, operators made of others arrive whole.
            with self:
                output = operator.decompose(*args, **options)
            if output is not NotImplemented:
                return output
        output = operator(*args, **options)
        for watch in self.watches:
            watch.follow(operator, args, options, output)
        return output


def grid_for(
    shape: Sequence[int], watch: GeometryWatch, model: nn.Module, layer: str = '', origin: Origin | None = None
) -> Grid | None:
    """Find the grid of what a layer gave.

    Args:
        shape: Of the whole tensor: maps (N, C, H, W), maps (N, H, W, C), or tokens (N, L, C).
        watch: One that saw this model run.
        model: The model. Its head's codec decides about heatmaps: they mean what decoding takes them for.
        layer: Name of the layer.
        origin: Of the tensor, as :meth:`GeometryWatch.origin` gave it; without one the last map of its size decides.

    Returns:
        The grid; None for what does not lie on one, such as vectors and SimCC's axes.
    """
    if watch.input_size is None:
        return None
    path = _NAME.split(layer)[0]
    in_head = path.partition('.')[0] == 'head'
    if len(shape) == 3:
        tokens = None if in_head and not _in_encoder(model, path) else grid_of_tokens(shape[1], watch, model, origin)
        return None if tokens is None else _of_size(tokens[0], watch, origin)
    if len(shape) != 4:
        return None
    size, size_last = (int(shape[2]), int(shape[3])), (int(shape[1]), int(shape[2]))
    if in_head and (grid := codec_grid(model, size)) is not None:
        return grid
    if origin is not None and origin.size in (size, size_last):
        return origin.grid
    for known in (size, size_last):
        if known in watch.grids:
            return watch.grids[known]
    return aligned_by_halves(size, watch.input_size) if _of_one_shape(size, watch.input_size) else None


def grid_of_tokens(
    length: int, watch: GeometryWatch, model: nn.Module, origin: Origin | None = None
) -> tuple[tuple[int, int], int] | None:
    """Find the map that a sequence of tokens was made of.

    Args:
        length: How many tokens.
        watch: One that saw this model run.
        model: The model, whose backbone may say how many tokens precede the map's (``num_extra_tokens``), or have a
            class token, which does.
        origin: Of the tensor, as :meth:`GeometryWatch.origin` gave it; its map is the first that is tried.

    Returns:
        Rows and columns of the map, and how many tokens precede it; None if it is none that was seen.
    """
    backbone = backbone_of(model)[1]
    extra = int(getattr(backbone, 'num_extra_tokens', 0))
    sizes = [*([] if origin is None else [origin.size]), *watch.grids]
    for before in dict.fromkeys((0, extra, int(_has_class_token(backbone)))):
        for rows, columns in sizes:
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


def _of_size(size: tuple[int, int], watch: GeometryWatch, origin: Origin | None) -> Grid:
    return origin.grid if origin is not None and origin.size == size else watch.grids[size]


def _has_class_token(backbone: nn.Module) -> bool:
    """Whether a token that stands for the whole picture goes before those of the map."""
    names = 'cls_token', 'class_token'
    return any(isinstance(getattr(module, name, None), Tensor) for module in backbone.modules() for name in names)


def _in_encoder(model: nn.Module, path: str) -> bool:
    """Whether a module lies in one that works on tokens of a map; other heads' sequences are joints or axes."""
    named, parts = named_layers(model), path.split('.')
    around = (named.get('.'.join(parts[: count + 1])) for count in range(len(parts)))
    return any(
        isinstance(module, TokenEncoder | nn.TransformerEncoder | nn.TransformerEncoderLayer) for module in around
    )


def _of_one_shape(size: tuple[int, int], input_size: tuple[int, int]) -> bool:
    """Whether a map is as high for its width as the input, to a cell, and no larger."""
    (rows, columns), (height, width) = size, input_size
    return rows <= height and columns <= width and abs(rows * width - columns * height) <= max(height, width)
