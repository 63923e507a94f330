"""Bind a target to what a model gives, or to outputs made by hand."""

from typing import Any

import torch
from torch import Tensor

from posescope.explain.outputs import Outputs
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets import BoundTarget, Target


def bound(target: Target, made: PoseFunction, outputs: Outputs, **places: Tensor) -> BoundTarget:
    return target.bind(made, outputs, made.decode(outputs), **places)


def slope(target: Target, made: PoseFunction, inputs: Tensor, **places: Any) -> tuple[float, float]:
    """The change of the summed scores along a random direction at double precision: by autograd, by differences."""
    made.model.double()
    try:
        inputs = inputs.double().requires_grad_()
        outputs = made(inputs)
        binding = bound(target, made, outputs, **places)
        way = torch.randn(inputs.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
        (gradient,) = torch.autograd.grad(binding.score(outputs).sum(), inputs)
        step = 1e-7
        with torch.no_grad():
            ahead, behind = (binding.score(made(inputs + sign * step * way)).sum() for sign in (1, -1))
        return float((gradient * way).sum()), float((ahead - behind) / (2 * step))
    finally:
        made.model.float()
