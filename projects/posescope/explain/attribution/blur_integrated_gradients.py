"""Gradients integrated while the input comes into focus."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from posescope.errors import InputError
from posescope.explain.attribution.blur import blurred
from posescope.explain.attribution.completeness import residual
from posescope.explain.attribution.gradients import joint_gradients
from posescope.explain.attribution.method import Method, chunks
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget

__all__ = ['BlurIntegratedGradients']


class BlurIntegratedGradients(Method):
    """Gradients integrated along the path from the blurred input to the input, as PoseIG does (CVPR 2023).

    The standard deviation falls evenly to 0. The integral is taken by the trapezoidal rule over the inputs on the path,
    so a map sums to target(input) - target(most blurred input) up to an error that :meth:`residual` measures. It may be
    as large as the difference itself: a picture changes fastest in the last steps, and gradients of ReLU networks jump.

    Args:
        batch_size: Crops at once.
        steps: Number of steps of the path.
        sigma: Standard deviation at its start, pixels.
        taps: Width of the blurring kernel, pixels.

    Raises:
        InputError: There is no step or no blur, or the kernel has no middle.
    """

    name: ClassVar[str] = 'blur_integrated_gradients'
    cheapest: ClassVar[Mapping[str, Any]] = {'steps': 1}
    is_complete: ClassVar[bool] = True

    def __init__(self, batch_size: int = 16, steps: int = 50, sigma: float = 19.0, taps: int = 31) -> None:
        super().__init__(batch_size)
        if steps < 1 or not sigma > 0 or taps < 3 or taps % 2 == 0:
            raise InputError(
                f'steps={steps}, sigma={sigma}, taps={taps} of method {self.name}: steps and sigma have to be '
                'positive, taps odd and at least 3'
            )
        self.steps, self.sigma, self.taps = steps, sigma, taps

    def maps(self, function: PoseFunction, inputs: Tensor, bound: BoundTarget, joints: list[int]) -> Tensor:
        """Integrate, one person after another."""
        found = inputs.new_zeros(len(inputs), len(joints), *inputs.shape[2:])
        for person in range(len(inputs)):
            path = self._path(inputs[person : person + 1])
            beyond = torch.cat([path[:1], path, path[-1:]])
            moved = (beyond[2:] - beyond[:-2]) / 2  # half a step before and half a step after each input of the path
            for some in chunks(len(path), self.batch_size):
                rows = torch.full((len(path[some]),), person, device=inputs.device)
                for number, gradient in enumerate(joint_gradients(function, path[some], rows, bound, joints)):
                    found[person, number] += (gradient * moved[some]).sum((0, 1))
        return found

    def residual(
        self,
        function: PoseFunction,
        inputs: Tensor,
        bound: BoundTarget,
        maps: Tensor,
        joints: list[int] | None = None,
    ) -> Tensor:
        """How far maps (N, K, H, W) are from complete: (N, K), their sum less the target's gain along the path."""
        inputs = function.own(inputs)
        return residual(function, inputs, blurred(inputs, self.sigma, self.taps), bound, maps, joints)

    def _path(self, picture: Tensor) -> Tensor:
        """(steps + 1, 3, H, W), from the most blurred input to the input itself."""
        sigmas = torch.linspace(self.sigma, 0, self.steps + 1).tolist()
        return torch.cat([blurred(picture, sigma, self.taps) for sigma in sigmas])
