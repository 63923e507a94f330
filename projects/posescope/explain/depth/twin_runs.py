"""Runs of a model on pairs of pictures, in which a layer is taken from the other picture."""

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from posescope.capture.patches import Patches
from posescope.capture.taps import Taps
from posescope.errors import InputError
from posescope.explain.attribution.spatial_layer import SpatialLayer, find_spatial_layer
from posescope.explain.depth.layer_maps import STAGES, layer_names
from posescope.explain.depth.patch_regions import cells_under, changed_pixels, discs_around, patched
from posescope.explain.memory import in_batches
from posescope.explain.pose_function import PoseFunction

__all__ = ['TwinRuns']


class TwinRuns:
    """Clean pictures and their counterfactual twins.

    Args:
        function: The model.
        clean: (N, 3, H, W).
        counterfactual: (N, 3, H, W).
        layers: Patterns, or ``'stages'``.
        in_regions: Whether regions are patched, for which layers have to be maps.
        batch_size: Most crops in a pass.

    Attributes:
        layers: Names of the layers that the model calls.
        before: (N, K, 2) places of the joints in the clean pictures, pixels of the input; at its edge if outside.
        way: (N, K, 2) from there to the places in the counterfactual pictures.

    Raises:
        InputError: There is no such layer, it is not called, or it has no map where a region is to be patched.
    """

    def __init__(
        self,
        function: PoseFunction,
        clean: Tensor,
        counterfactual: Tensor,
        layers: Sequence[str] | str,
        in_regions: bool,
        batch_size: int,
    ) -> None:
        self._function = function
        self._clean, self._other = (pictures.to(function.device) for pictures in (clean, counterfactual))
        self._parts = _parts(function, self._clean[:1], layers, in_regions)
        self.layers = tuple(self._parts)
        before, after = (
            torch.cat([places for _, places in self._seen(pictures, batch_size)])
            for pictures in (self._clean, self._other)
        )
        self.before, self.way = before, after - before

    def region(self, region: str | Tensor, pairs: Tensor, joints: Tensor | None, radius: float) -> Tensor | None:
        """Give the pixels to patch under.

        Args:
            region: One of :data:`posescope.explain.depth.patch_regions.REGIONS`, or (N, H, W) bool.
            pairs: (R,) which pairs are run.
            joints: (R,) around which joint of each discs are drawn, with ``'joint'``.
            radius: Of the discs.

        Returns:
            (R, H, W) bool; None for everything.
        """
        if isinstance(region, Tensor):
            return region.to(self._clean.device)[pairs]
        if region == 'changed':
            return changed_pixels(self._clean[pairs], self._other[pairs])
        if region == 'joint':
            assert joints is not None
            start = self.before[pairs, joints]
            ends = torch.stack([start, start + self.way[pairs, joints]], 1)
            return discs_around(ends, radius, (self._clean.shape[2], self._clean.shape[3]))
        return None

    @torch.no_grad()
    def shares(self, pairs: Tensor, region: Tensor | None) -> Iterator[Tensor]:
        """Patch one layer after another.

        Args:
            pairs: (R,) which pairs are run.
            region: (R, H, W) bool, of :meth:`region`.

        Yields:
            For each layer, (R, K) the share of the way that each joint goes.
        """
        model = self._function.model
        with Taps(model, list(self.layers)) as taps:
            self._function(self._other[pairs])
        way = self.way[pairs]
        for outputs in self._parts.values():
            replacements = {}
            for output, layer in outputs.items():
                cells = None if layer is None or region is None else cells_under(layer, region)
                replacements[output] = partial(_replaced, layer, taps.outputs[output], cells)
            with Patches(model, replacements):
                moved = self._places(self._clean[pairs]) - self.before[pairs]
            yield (moved * way).sum(-1) / way.square().sum(-1)

    def _seen(self, pictures: Tensor, batch_size: int) -> Iterator[tuple[slice, Tensor]]:
        return in_batches(lambda some: self._places(pictures[some]), len(pictures), batch_size, 'looking at twins')

    @torch.no_grad()
    def _places(self, pictures: Tensor) -> Tensor:
        places = self._function.decode(self._function(pictures)).places
        # On flat maps some codecs extrapolate to anywhere, which would outweigh all others in a mean.
        width, height = pictures.shape[-1], pictures.shape[-2]
        return torch.minimum(places.clamp(min=0), places.new_tensor([width - 1, height - 1]))


def _replaced(
    layer: SpatialLayer | None, others: Sequence[Tensor], cells: Tensor | None, output: Tensor, call: int
) -> Tensor:
    """What a call of a layer gives instead of its output."""
    return others[call] if layer is None or cells is None else patched(layer, output, others[call], cells)


def _parts(
    function: PoseFunction, inputs: Tensor, layers: Sequence[str] | str, in_regions: bool
) -> dict[str, dict[str, SpatialLayer | None]]:
    """By layer, its outputs, and how they lie in the input if that has to be known."""
    parts: dict[str, dict[str, SpatialLayer | None]] = {}
    for name in layer_names(function, layers):
        with torch.no_grad(), Taps(function.model, [name]) as taps:
            function(inputs)
        if taps.outputs:
            parts[name] = {
                output: find_spatial_layer(function, inputs, output) if in_regions else None for output in taps.outputs
            }
        elif layers != STAGES:
            raise InputError(f'{name} is not called when the model predicts: name a layer that is')
    return parts
