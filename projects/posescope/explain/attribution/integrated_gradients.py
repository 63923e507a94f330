"""Gradients integrated along a line from a baseline to the input."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from posescope.errors import InputError
from posescope.explain.attribution.baselines import baseline_of, check_baseline
from posescope.explain.attribution.completeness import residual
from posescope.explain.attribution.gradients import Points, summed_gradients
from posescope.explain.attribution.method import Method, chunks
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget

__all__ = ['IntegratedGradients']


class IntegratedGradients(Method):
    """Difference to a baseline times the gradient's mean along the line (M. Sundararajan et al., arXiv 1703.01365).

    A map sums to target(input) - target(baseline), up to the error of the integral, which :meth:`residual` measures.
    The integral is taken by Gauss–Legendre quadrature.

    Args:
        batch_size: Crops at once.
        steps: Number of points on the line.
        baseline: Where the line begins, see :func:`~posescope.explain.attribution.baselines.baseline_of`.

    Raises:
        InputError: There is no point, or no such baseline.
    """

    name: ClassVar[str] = 'integrated_gradients'
    cheapest: ClassVar[Mapping[str, Any]] = {'steps': 1}
    is_complete: ClassVar[bool] = True

    def __init__(self, batch_size: int = 16, steps: int = 50, baseline: str = 'mean') -> None:
        super().__init__(batch_size)
        if steps < 1:
            raise InputError(f'steps={steps} of method {self.name} has to be at least 1')
        self.steps, self.baseline = steps, check_baseline(baseline)

    def maps(self, function: PoseFunction, inputs: Tensor, bound: BoundTarget, joints: list[int]) -> Tensor:
        """Integrate, one person after another."""
        differences = inputs - baseline_of(self.baseline, function, inputs)
        parts = []
        for person, (picture, difference) in enumerate(zip(inputs, differences, strict=True)):
            alone = bound.of_people(torch.tensor([person]))
            sums = summed_gradients(
                function, self._points(picture, difference), alone, joints, picture[None], self.batch_size
            )
            parts.append((sums * difference).sum(2))
        return torch.cat(parts)

    def residual(
        self,
        function: PoseFunction,
        inputs: Tensor,
        bound: BoundTarget,
        maps: Tensor,
        joints: list[int] | None = None,
    ) -> Tensor:
        """How far maps (N, K, H, W) are from complete: (N, K), their sum less target(input) - target(baseline)."""
        inputs = function.own(inputs)
        return residual(function, inputs, baseline_of(self.baseline, function, inputs), bound, maps, joints)

    def _points(self, picture: Tensor, difference: Tensor) -> Iterator[Points]:
        places, weights = np.polynomial.legendre.leggauss(self.steps)  # on -1 … 1
        back = torch.as_tensor((1 - places) / 2, dtype=picture.dtype, device=picture.device)
        shares = torch.as_tensor(weights / 2, dtype=picture.dtype, device=picture.device)
        for some in chunks(self.steps, self.batch_size):
            rows = torch.zeros(len(back[some]), dtype=torch.long, device=picture.device)
            yield Points(picture - back[some, None, None, None] * difference, rows, shares[some])
