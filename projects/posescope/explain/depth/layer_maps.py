"""What several layers give for crops, laid out as maps whose cells have a place in the input."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from posescope.capture.layers import find_layers
from posescope.capture.outputs import path_name
from posescope.capture.stages import stages_of
from posescope.capture.taps import Taps
from posescope.errors import InputError
from posescope.explain.attribution.spatial_layer import SpatialLayer, find_spatial_layer
from posescope.explain.memory import in_batches
from posescope.explain.pose_function import PoseFunction

__all__ = ['STAGES', 'FeatureSource', 'LayerMaps', 'layer_names']

STAGES = 'stages'
"""Stands for the stages of the backbone, see :func:`posescope.capture.stages.stages_of`."""


class FeatureSource(Protocol):
    """Anything that gives maps of crops."""

    @property
    def layers(self) -> Mapping[str, SpatialLayer]:
        """The maps by name, and how their cells lie in the input."""

    def of(self, inputs: Tensor) -> dict[str, Tensor]:
        """Give the maps of crops (B, 3, H, W): by name, (B, C, h, w)."""


class LayerMaps:
    """Reads the maps of several layers in one pass, without gradients.

    Args:
        function: The model.
        inputs: (B, 3, H, W) crops; the first is run to see what the layers give.
        layers: Patterns, see :func:`posescope.capture.layers.find_layers`, or ``'stages'``; of the stages those are
            left out that are not called or give no map.

    Attributes:
        layers: By name of the output, how its cells lie in the input; in the order in which the model gives them.

    Raises:
        InputError: There is no such layer, it is not called, or what it gives is no map.
    """

    def __init__(self, function: PoseFunction, inputs: Tensor, layers: Sequence[str] | str = STAGES) -> None:
        self._function = function
        inputs = inputs[:1].to(function.device)
        names = layer_names(function, layers)
        with torch.no_grad(), Taps(function.model, names) as taps:
            function(inputs)
        outputs = list(taps.outputs)
        called = {output.partition('[')[0] for output in outputs}
        silent = [name for name in taps.modules if name not in called]
        if silent and layers != STAGES:
            raise InputError(f'{silent[0]} is not called when the model predicts: name a layer that is')
        self.layers: dict[str, SpatialLayer] = {}
        for output in outputs:
            try:
                self.layers[output] = find_spatial_layer(function, inputs, output)
            except InputError:
                if layers != STAGES:
                    raise
        if not self.layers:
            raise InputError(f"layers='{STAGES}': none of {', '.join(names)} gives a map: name layers that do")

    @torch.no_grad()
    def of(self, inputs: Tensor) -> dict[str, Tensor]:
        """Run the model.

        Args:
            inputs: (B, 3, H, W).

        Returns:
            By name, (B, C, h, w).
        """
        with Taps(self._function.model, list(self.layers)) as taps:

            def run(rows: slice) -> dict[str, Tensor]:
                taps.clear()
                self._function(inputs[rows].to(self._function.device))
                return {name: layer.maps(taps.outputs[name][0]) for name, layer in self.layers.items()}

            parts = [maps for _, maps in in_batches(run, len(inputs), len(inputs), 'reading layers')]
        return {name: torch.cat([part[name] for part in parts]) for name in self.layers}


def layer_names(function: PoseFunction, layers: Sequence[str] | str) -> list[str]:
    """Name the layers that patterns match, with the outputs that were chosen.

    Args:
        function: The model.
        layers: Patterns, or ``'stages'``.

    Raises:
        InputError: A pattern matches nothing.
    """
    if layers == STAGES:
        return stages_of(function.model)
    found = find_layers(function.model, [layers] if isinstance(layers, str) else layers)
    return [layer.name + path_name(choice) for layer in found for choice in layer.choices or ((),)]
