"""Gradients integrated while the input comes into focus."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from posescope.errors import InputError
from posescope.explain.attribution.blur import blurred
from posescope.explain.attribution.completeness import residual
from posescope.explain.attribution.gradients import joint_gradients
from posescope.explain.attribution.method import Method, channels_last, chunks
from posescope.explain.attribution.path_cells import PathCells, check_rule, integrate
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget

__all__ = ['BlurIntegratedGradients']

RULES = ('adaptive', 'even')
"""How inputs on the path are chosen."""


class BlurIntegratedGradients(Method):
    """Gradients integrated along the path from the blurred input to the input, as PoseIG does (CVPR 2023).

    A map sums to target(input) - target(most blurred input) up to the error of the integral, which :meth:`residual`
    measures. A picture changes fastest in the last steps, and gradients of ReLU networks jump. So by default the path
    is cut into cells that are short where targets change, and joints whose maps miss too much are integrated again, as
    by :class:`~posescope.explain.attribution.integrated_gradients.IntegratedGradients`.

    Args:
        batch_size: Crops at once.
        steps: Number of steps of the path that all joints begin with.
        sigma: Standard deviation at its start, pixels.
        taps: Width of the blurring kernel, pixels.
        rule: ``'adaptive'``; or ``'even'``, as in PoseIG: the standard deviation falls evenly to 0 in ``steps`` steps,
            and the integral is taken by the trapezoidal rule over the inputs between them.
        most_steps: No joint gets more steps in one attempt.
        tolerance: How much of the target's gain a map may miss before it is integrated again.

    Raises:
        InputError: There is no step or no blur, the kernel has no middle, there is no such rule, or the tolerance is
            not positive.
    """

    name: ClassVar[str] = 'blur_integrated_gradients'
    cheapest: ClassVar[Mapping[str, Any]] = {'steps': 1, 'rule': 'even'}
    is_complete: ClassVar[bool] = True

    def __init__(
        self,
        batch_size: int = 16,
        steps: int = 50,
        sigma: float = 19.0,
        taps: int = 31,
        rule: str = 'adaptive',
        most_steps: int = 400,
        tolerance: float = 0.05,
    ) -> None:
        super().__init__(batch_size)
        if steps < 1 or not sigma > 0 or taps < 3 or taps % 2 == 0:
            raise InputError(
                f'steps={steps}, sigma={sigma}, taps={taps} of method {self.name}: steps and sigma have to be '
                'positive, taps odd and at least 3'
            )
        check_rule(self.name, rule, RULES, tolerance)
        self.steps, self.sigma, self.taps, self.rule = steps, sigma, taps, rule
        self.most_steps, self.tolerance = most_steps, tolerance

    def maps(self, function: PoseFunction, inputs: Tensor, bound: BoundTarget, joints: list[int]) -> Tensor:
        """Integrate, one person after another."""
        parts = []
        for person in range(len(inputs)):
            alone = bound.of_people(torch.tensor([person]))
            path = _Path(function, alone, inputs[person : person + 1], self)
            if self.rule == 'even':
                places = torch.linspace(0, 1, self.steps + 1, dtype=torch.float64)
                beyond = torch.cat([places[:1], places, places[-1:]])
                parts.append(path.maps(places, (beyond[:-2], beyond[2:]), 0.5, joints))
                continue
            cells = PathCells(path.scores)
            parts.append(integrate(cells, path.maps_of_cells, joints, self.steps, self.most_steps, self.tolerance))
        return torch.stack(parts)

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


class _Path:
    """The path from a blurred picture to the picture (1, 3, H, W) itself, with the settings of a method."""

    def __init__(
        self, function: PoseFunction, bound: BoundTarget, picture: Tensor, method: BlurIntegratedGradients
    ) -> None:
        self.function, self.bound, self.picture, self.method = function, bound, picture, method

    def inputs(self, places: Tensor) -> Tensor:
        """(B, 3, H, W) at places (B,), 0 for the most blurred and 1 for the picture."""
        sigmas = (self.method.sigma * (1 - places)).tolist()
        return torch.cat([blurred(self.picture, sigma, self.method.taps) for sigma in sigmas])

    def scores(self, places: Tensor) -> Tensor:
        """Scores (B, all joints) at places (B,)."""
        parts = []
        for some in places.split(self.method.batch_size):
            outputs = self.function(channels_last(self.inputs(some)))
            parts.append(self.bound.score(outputs, self._rows(some)))
        return torch.cat(parts)

    def maps_of_cells(self, edges: Tensor, joints: list[int]) -> Tensor:
        """Maps (K, H, W) of gradients in the middle of cells, times the way through each."""
        return self.maps((edges[1:] + edges[:-1]) / 2, (edges[:-1], edges[1:]), 1.0, joints)

    def maps(self, places: Tensor, ways: tuple[Tensor, Tensor], share: float, joints: list[int]) -> Tensor:
        """Maps (K, H, W) of gradients at places (B,), each times a share of the way from one place to another."""
        found = self.picture.new_zeros(len(joints), *self.picture.shape[2:])
        for some in chunks(len(places), self.method.batch_size):
            starts, ends = (self.inputs(way[some]) for way in ways)
            moved = share * (ends - starts)
            points, rows = self.inputs(places[some]), self._rows(places[some])
            for number, gradient in enumerate(joint_gradients(self.function, points, rows, self.bound, joints)):
                found[number] += (gradient * moved).sum((0, 1))
        return found

    def _rows(self, places: Tensor) -> Tensor:
        return torch.zeros(len(places), dtype=torch.long, device=self.picture.device)
