"""A layer whose output is a map of the picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from posescope.capture.geometry import GeometryWatch, grid_for, grid_of_tokens
from posescope.capture.grid import Grid
from posescope.capture.layers import named_layers
from posescope.capture.taps import Taps
from posescope.errors import InputError
from posescope.explain.pose_function import PoseFunction

__all__ = ['SpatialLayer', 'find_spatial_layer']

Form = Literal['maps', 'channels last', 'tokens']


@dataclass(frozen=True)
class SpatialLayer:
    """A layer's output, as a map.

    Attributes:
        name: Of the output, as :class:`~posescope.capture.taps.Taps` takes it.
        grid: Where the map's cells lie in the input.
        size: Rows and columns of the map.
        form: Maps (N, C, h, w), maps (N, h, w, C) or tokens (N, L, C).
        prefix: How many tokens come before those of the map.
    """

    name: str
    grid: Grid
    size: tuple[int, int]
    form: Form = 'maps'
    prefix: int = 0

    def maps(self, output: Tensor) -> Tensor:
        """Lay an output out as (N, C, h, w)."""
        if self.form == 'maps':
            return output
        if self.form == 'channels last':
            return output.movedim(-1, 1)
        count = self.size[0] * self.size[1]
        return output[:, self.prefix : self.prefix + count].unflatten(1, self.size).movedim(-1, 1)


@torch.no_grad()
def find_spatial_layer(function: PoseFunction, inputs: Tensor, layer: str | None = None) -> SpatialLayer:
    """Find out how the output of a layer lies in the input.

    Args:
        function: The model.
        inputs: Crops; the first is run.
        layer: A layer with one output, or one of its outputs, as ``backbone[3]``; None for the last map before the
            head, of the neck or the backbone.

    Raises:
        InputError: There is no such layer, it runs several times or has several outputs, or its output is no map.
    """
    wanted = [part for part in ('neck', 'backbone') if part in named_layers(function.model)]
    watch = GeometryWatch(function.model)
    with watch, Taps(function.model, wanted if layer is None else [layer]) as taps:
        function(inputs[:1])
    shapes = {name: kept[0].shape for name, kept in taps.outputs.items() if len(kept) == 1}
    spatial = {found.name: found for name, shape in shapes.items() for found in _as_map(name, shape, watch, function)}
    if layer is None:
        for part in wanted:
            mine = [found for name, found in spatial.items() if name.partition('[')[0] == part]
            if mine:
                return mine[-1]
        raise InputError(f'neither of {", ".join(wanted)} gives a map: name a layer')
    repeated = [name for name, kept in taps.outputs.items() if len(kept) > 1]
    if repeated:
        raise InputError(
            f"layer '{layer}' runs {len(taps.outputs[repeated[0]])} times in a pass: name one that runs once"
        )
    if len(shapes) > 1:
        raise InputError(f"layer '{layer}' has several outputs: choose one of {', '.join(shapes)}")
    if not spatial:
        shape = ' × '.join(map(str, next(iter(shapes.values())))) if shapes else 'nothing'
        raise InputError(f"layer '{layer}' gives {shape}, which is no map of the picture: it has no spatial axes")
    return next(iter(spatial.values()))


def _as_map(name: str, shape: torch.Size, watch: GeometryWatch, function: PoseFunction) -> Iterator[SpatialLayer]:
    """Give the layer if its output is a map with more than one cell."""
    grid = grid_for(shape, watch, function.model, name)
    if grid is None:
        return
    if len(shape) == 3:
        tokens = grid_of_tokens(shape[1], watch, function.model)
        assert tokens is not None
        yield SpatialLayer(name, grid, tokens[0], 'tokens', tokens[1])
        return
    first, last = (int(shape[2]), int(shape[3])), (int(shape[1]), int(shape[2]))
    is_last = first not in watch.grids and last in watch.grids and watch.grids[last] == grid
    size = last if is_last else first
    if size[0] * size[1] > 1:
        yield SpatialLayer(name, grid, size, 'channels last' if is_last else 'maps')
