"""The gradient itself."""

from typing import ClassVar

import torch
from torch import Tensor

from posescope.explain.attribution.gradients import joint_gradients
from posescope.explain.attribution.method import Method, chunks
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget

__all__ = ['Saliency']


class Saliency(Method):
    """The target's gradient at the input (K. Simonyan et al., arXiv 1312.6034), summed over colours.

    Args:
        batch_size: Crops at once.
        absolute: Whether absolute values are summed, so that colours cannot cancel.
    """

    name: ClassVar[str] = 'saliency'

    def __init__(self, batch_size: int = 16, absolute: bool = False) -> None:
        super().__init__(batch_size)
        self.absolute = absolute

    def maps(self, function: PoseFunction, inputs: Tensor, bound: BoundTarget, joints: list[int]) -> Tensor:
        """Take one gradient a joint."""
        parts = []
        for some in chunks(len(inputs), self.batch_size):
            rows = torch.arange(some.start, some.stop, device=inputs.device)
            gradients = joint_gradients(function, inputs[some], rows, bound, joints)
            parts.append(torch.stack([self.over_colours(gradient, inputs[some]) for gradient in gradients], 1))
        return torch.cat(parts)

    def over_colours(self, gradients: Tensor, inputs: Tensor) -> Tensor:
        """Make maps (B, H, W) of gradients and inputs, both (B, 3, H, W)."""
        return (gradients.abs() if self.absolute else gradients).sum(1)
