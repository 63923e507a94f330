"""Where the cells of a map lie in a model's input, and how operators move them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ['STEPS', 'Grid', 'Step', 'aligned_by_halves', 'size_after', 'step_of']

aten = torch.ops.aten


@dataclass(frozen=True)
class Step:
    """Where in an operator's input a cell of its output looks, in rows and columns: ``scale · cell + offset``."""

    scale: tuple[float, float]
    offset: tuple[float, float]


@dataclass(frozen=True)
class Grid:
    """Which pixel of a model's input the cells of a map look at: ``scale · cell + offset``.

    Cells are counted from 0 at the centre of the first, pixels from 0 at the centre of the first.

    Attributes:
        scale: Pixels a cell, in rows and columns.
        offset: Pixel of the first cell, row and column.
    """

    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)

    def after(self, step: Step) -> 'Grid':
        """The grid of what an operator makes of a map that lies on this grid."""
        (sy, sx), (oy, ox) = self.scale, self.offset
        return Grid(
            (sy * step.scale[0], sx * step.scale[1]),
            (oy + sy * step.offset[0], ox + sx * step.offset[1]),
        )


def aligned_by_halves(size: Sequence[int], input_size: Sequence[int]) -> Grid:
    """The grid of a map whose outer edges are those of the input.

    Args:
        size: Rows and columns of the map.
        input_size: Rows and columns of the input.
    """
    step = _edges(input_size, size)
    return Grid(step.scale, step.offset)


def step_of(operator: Any, args: Sequence[Any], output: Any) -> Step | None:
    """Tell how an operator of ATen moves the cells of a map.

    Args:
        operator: The operator, of any overload.
        args: Its positional arguments; the first is a map (N, C, H, W).
        output: What it gave.

    Returns:
        The step; None for an operator that keeps every cell in its place, or that is not known.
    """
    rule = STEPS.get(operator.overloadpacket)
    return None if rule is None else rule(args, output)


def size_after(operator: Any, args: Sequence[Any], output: Any) -> tuple[int, int]:
    """Rows and columns of the map that an operator gave, of which ``im2col`` makes one row."""
    if operator.overloadpacket is not aten.im2col:
        tensor = output if isinstance(output, Tensor) else output[0]
        return int(tensor.shape[-2]), int(tensor.shape[-1])
    kernel, dilation, padding, stride = map(_pair, args[1:5])
    spans = (dilation[i] * (kernel[i] - 1) + 1 for i in (0, 1))
    rows, columns = ((args[0].shape[i - 2] + 2 * padding[i] - span) // stride[i] + 1 for i, span in enumerate(spans))
    return int(rows), int(columns)


def _convolution(args: Sequence[Any], output: Any) -> Step:
    _, weight, _, stride, padding, dilation, transposed = args[:7]
    kernel, stride, padding, dilation = map(_pair, (weight.shape[2:], stride, padding, dilation))
    if not transposed:
        return _window(kernel, stride, padding, dilation)
    # Input cell i reaches output cells stride · i - padding + dilation · (0 … kernel - 1).
    reach = [dilation[i] * (kernel[i] - 1) / 2 for i in (0, 1)]
    return Step(
        (1 / stride[0], 1 / stride[1]),
        ((padding[0] - reach[0]) / stride[0], (padding[1] - reach[1]) / stride[1]),
    )


def _pool(args: Sequence[Any], output: Any) -> Step:
    kernel = _pair(args[1])
    stride = _pair(args[2]) if len(args) > 2 and args[2] else kernel
    padding = _pair(args[3]) if len(args) > 3 else (0, 0)
    return _window(kernel, stride, padding, (1, 1))


def _dilated_pool(args: Sequence[Any], output: Any) -> Step:
    step = _pool(args, output)
    if len(args) < 5:
        return step
    (ky, kx), (dy, dx) = _pair(args[1]), _pair(args[4])
    return Step(step.scale, (step.offset[0] + (ky - 1) / 2 * (dy - 1), step.offset[1] + (kx - 1) / 2 * (dx - 1)))


def _im2col(args: Sequence[Any], output: Any) -> Step:
    kernel, dilation, padding, stride = map(_pair, args[1:5])
    return _window(kernel, stride, padding, dilation)


def _pad(args: Sequence[Any], output: Any) -> Step:
    padding = [*args[1], 0, 0]  # columns before, after, rows before, after
    return Step((1.0, 1.0), (-float(padding[2]), -float(padding[0])))


def _resize(args: Sequence[Any], output: Any) -> Step:
    tensor = output if isinstance(output, Tensor) else output[0]
    return _edges(args[0].shape[-2:], tensor.shape[-2:])


def _interpolate(args: Sequence[Any], output: Tensor) -> Step:
    if not args[2]:  # align_corners
        return _resize(args, output)
    rows, columns = (
        (old - 1) / max(new - 1, 1) for old, new in zip(args[0].shape[-2:], output.shape[-2:], strict=True)
    )
    return Step((rows, columns), (0.0, 0.0))


STEPS: dict[Any, Callable[[Sequence[Any], Any], Step]] = {
    aten.convolution: _convolution,
    aten.avg_pool2d: _pool,
    aten.max_pool2d_with_indices: _dilated_pool,
    aten.mkldnn_max_pool2d: _dilated_pool,
    aten.im2col: _im2col,
    aten.constant_pad_nd: _pad,
    aten.reflection_pad2d: _pad,
    aten.replication_pad2d: _pad,
    aten._adaptive_avg_pool2d: _resize,
    aten.adaptive_max_pool2d: _resize,
    aten.upsample_nearest2d: _resize,
    aten._upsample_nearest_exact2d: _resize,
    aten.pixel_shuffle: _resize,
    aten.pixel_unshuffle: _resize,
    aten.upsample_bilinear2d: _interpolate,
    aten.upsample_bicubic2d: _interpolate,
}
"""How each operator moves the cells of a map."""


def _window(kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]) -> Step:
    """A window that moves by its stride looks at its centre."""
    centre = [dilation[i] * (kernel[i] - 1) / 2 - padding[i] for i in (0, 1)]
    return Step((float(stride[0]), float(stride[1])), (centre[0], centre[1]))


def _edges(old: Sequence[int], new: Sequence[int]) -> Step:
    """Maps of two sizes whose outer edges are the same."""
    rows, columns = old[0] / new[0], old[1] / new[1]
    return Step((rows, columns), ((rows - 1) / 2, (columns - 1) / 2))


def _pair(values: Any) -> tuple[int, int]:
    """One number for both directions, or one for each."""
    if isinstance(values, int):
        return values, values
    return (int(values[0]), int(values[-1]))
