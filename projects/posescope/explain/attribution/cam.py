"""Class activation maps: what the cells of a layer contribute."""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from posescope.capture.taps import Taps
from posescope.errors import InputError
from posescope.explain.attribution.gradients import backward_each
from posescope.explain.attribution.method import Method, channels_last, chunks
from posescope.explain.attribution.spatial_layer import SpatialLayer, find_spatial_layer
from posescope.explain.attribution.to_pixels import to_pixels
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget

__all__ = ['ActivationMap', 'GradCAM', 'HiResCAM', 'LayerCAM']


class ActivationMap(Method):
    """Activations of a layer weighted by gradients, interpolated to pixels. Negative values are kept.

    Args:
        batch_size: Crops at once.
        layer: The layer, see :func:`~posescope.explain.attribution.spatial_layer.find_spatial_layer`; None for the last
            map before the head.
    """

    takes_layer: ClassVar[bool] = True

    def __init__(self, batch_size: int = 16, layer: str | None = None) -> None:
        super().__init__(batch_size)
        self.layer = layer

    @abstractmethod
    def weigh(self, activations: Tensor, gradients: Tensor) -> Tensor:
        """Make maps (B, h, w) of activations and gradients, both (B, C, h, w)."""

    def maps(self, function: PoseFunction, inputs: Tensor, bound: BoundTarget, joints: list[int]) -> Tensor:
        """Weigh the layer's activations for each joint."""
        layer = find_spatial_layer(function, inputs, self.layer)
        size = (int(inputs.shape[2]), int(inputs.shape[3]))
        parts = []
        for some in chunks(len(inputs), self.batch_size):
            rows = torch.arange(some.start, some.stop, device=inputs.device)
            cells = self.cells(function, inputs[some], rows, bound, joints, layer)
            parts.append(to_pixels(cells, layer.grid, size))
        return torch.cat(parts)

    def cells(
        self,
        function: PoseFunction,
        inputs: Tensor,
        rows: Tensor,
        bound: BoundTarget,
        joints: list[int],
        layer: SpatialLayer,
    ) -> Tensor:
        """Maps (B, K, h, w) as they are at the layer."""
        with torch.enable_grad(), Taps(function.model, [layer.name]) as taps:
            scores = bound.score(function(channels_last(inputs).requires_grad_()), rows)
            (kept,) = taps.outputs[layer.name]
            activations = layer.maps(kept.detach())
            found = []
            for (gradient,) in backward_each(scores, [kept], joints):
                if gradient is None:
                    raise InputError(
                        f"target '{bound.name}' does not depend on layer '{layer.name}': choose one that leads to it"
                    )
                found.append(self.weigh(activations, layer.maps(gradient)))
        return torch.stack(found, 1)


class HiResCAM(ActivationMap):
    """Gradient times activation at each cell (R. Draelos and L. Carin, arXiv 2011.08891).

    Unlike Grad-CAM it lights no cell that the target does not use.
    """

    name: ClassVar[str] = 'hirescam'

    def weigh(self, activations: Tensor, gradients: Tensor) -> Tensor:
        """Multiply and sum over channels."""
        return (activations * gradients).sum(1)


class LayerCAM(ActivationMap):
    """As HiResCAM, with positive gradients alone (P. Jiang et al., IEEE TIP 2021)."""

    name: ClassVar[str] = 'layercam'

    def weigh(self, activations: Tensor, gradients: Tensor) -> Tensor:
        """Multiply where gradients are positive, and sum over channels."""
        return (activations * gradients.clamp(min=0)).sum(1)


class GradCAM(ActivationMap):
    """Activations weighted by each channel's mean gradient (R. Selvaraju et al., ICCV 2017).

    The mean over space forgets where the target looks: cells may light up that it does not use.
    """

    name: ClassVar[str] = 'gradcam'

    def weigh(self, activations: Tensor, gradients: Tensor) -> Tensor:
        """Average gradients over cells, multiply and sum over channels."""
        return (activations * gradients.mean((2, 3), keepdim=True)).sum(1)
