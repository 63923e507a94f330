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
from posescope.explain.attribution.method import Method, channels_last, chunks
from posescope.explain.attribution.path_cells import PathCells, check_rule, integrate
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget

__all__ = ['IntegratedGradients']

RULES = ('adaptive', 'gauss_legendre')
"""How points on the line are chosen."""


class IntegratedGradients(Method):
    """Difference to a baseline times the gradient's mean along the line (M. Sundararajan et al., arXiv 1703.01365).

    A map sums to target(input) - target(baseline), up to the error of the integral, which :meth:`residual` measures. By
    default gradients are taken in the middle of cells that are short where targets change, see
    :class:`~posescope.explain.attribution.path_cells.PathCells`; a joint whose map misses more than the tolerance is
    integrated again over twice as many cells, as long as there are not too many. Cells are chosen for all joints that
    are asked for together, so a joint's map depends a little, within the tolerance, on which others are.

    Args:
        batch_size: Crops at once.
        steps: Number of points on the line that all joints begin with.
        baseline: Where the line begins, see :func:`~posescope.explain.attribution.baselines.baseline_of`.
        rule: ``'adaptive'``; or ``'gauss_legendre'``, that quadrature with ``steps`` points and no second attempt, as
            in Captum. It is off by a fifth for many joints of MoveNet.
        most_steps: No joint gets more points in one attempt.
        tolerance: How much of target(input) - target(baseline) a map may miss before it is integrated again.

    Raises:
        InputError: There is no point, no such baseline or rule, or the tolerance is not positive.
    """

    name: ClassVar[str] = 'integrated_gradients'
    cheapest: ClassVar[Mapping[str, Any]] = {'steps': 1, 'rule': 'gauss_legendre'}
    is_complete: ClassVar[bool] = True

    def __init__(
        self,
        batch_size: int = 16,
        steps: int = 50,
        baseline: str = 'mean',
        rule: str = 'adaptive',
        most_steps: int = 400,
        tolerance: float = 0.05,
    ) -> None:
        super().__init__(batch_size)
        if steps < 1:
            raise InputError(f'steps={steps} of method {self.name} has to be at least 1')
        check_rule(self.name, rule, RULES, tolerance)
        self.steps, self.baseline, self.rule = steps, check_baseline(baseline), rule
        self.most_steps, self.tolerance = most_steps, tolerance

    def maps(self, function: PoseFunction, inputs: Tensor, bound: BoundTarget, joints: list[int]) -> Tensor:
        """Integrate, one person after another."""
        differences = inputs - baseline_of(self.baseline, function, inputs)
        parts = []
        for person, (picture, difference) in enumerate(zip(inputs, differences, strict=True)):
            alone = bound.of_people(torch.tensor([person]))
            line = _Line(function, alone, picture, difference, self.batch_size)
            if self.rule == 'gauss_legendre':
                places, weights = np.polynomial.legendre.leggauss(self.steps)  # on -1 … 1
                parts.append(line.maps(torch.as_tensor((1 + places) / 2), torch.as_tensor(weights / 2), joints))
                continue
            cells = PathCells(line.scores)
            parts.append(integrate(cells, line.maps_of_cells, joints, self.steps, self.most_steps, self.tolerance))
        return torch.stack(parts)

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


class _Line:
    """The line from a baseline to a picture (3, H, W)."""

    def __init__(
        self, function: PoseFunction, bound: BoundTarget, picture: Tensor, difference: Tensor, batch_size: int
    ) -> None:
        self.function, self.bound, self.batch_size = function, bound, batch_size
        self.picture, self.difference = picture, difference

    def scores(self, places: Tensor) -> Tensor:
        """Scores (B, all joints) at places (B,), 0 for the baseline and 1 for the picture."""
        points = self._points(places, torch.ones_like(places))
        return torch.cat([self.bound.score(self.function(channels_last(some.inputs)), some.rows) for some in points])

    def maps_of_cells(self, edges: Tensor, joints: list[int]) -> Tensor:
        """Maps (K, H, W) of gradients in the middle of cells."""
        return self.maps((edges[1:] + edges[:-1]) / 2, edges.diff(), joints)

    def maps(self, places: Tensor, weights: Tensor, joints: list[int]) -> Tensor:
        """Maps (K, H, W) of gradients at places (B,) with weights (B,)."""
        points, people = self._points(places, weights), self.picture[None]
        sums = summed_gradients(self.function, points, self.bound, joints, people, self.batch_size)
        return (sums[0] * self.difference).sum(1)

    def _points(self, places: Tensor, weights: Tensor) -> Iterator[Points]:
        back, shares = (1 - places).to(self.picture), weights.to(self.picture)
        for some in chunks(len(places), self.batch_size):
            rows = torch.zeros(len(back[some]), dtype=torch.long, device=self.picture.device)
            yield Points(self.picture - back[some, None, None, None] * self.difference, rows, shares[some])
