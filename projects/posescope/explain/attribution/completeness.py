"""Whether maps add up to what they claim to explain."""

import torch
from torch import Tensor

from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget

__all__ = ['residual']


@torch.no_grad()
def residual(
    function: PoseFunction,
    inputs: Tensor,
    baselines: Tensor,
    bound: BoundTarget,
    maps: Tensor,
    joints: list[int] | None = None,
) -> Tensor:
    """Sums of maps, less target(input) - target(baseline).

    Args:
        function: The model.
        inputs: (N, 3, H, W).
        baselines: (N, 3, H, W).
        bound: The target, bound to the N people.
        maps: (N, K, H, W).
        joints: The K joints; None for all.

    Returns:
        (N, K) float32.
    """
    gains = []
    for row in torch.arange(len(inputs)).split(1):
        gains.append(bound.score(function(inputs[row]), row) - bound.score(function(baselines[row]), row))
    gained = torch.cat(gains)
    return maps.sum((2, 3)) - (gained if joints is None else gained[:, joints]).to(maps.device)
