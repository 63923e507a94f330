"""The likelihood that PoseIG attributes."""

import warnings
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from posescope.errors import InputError
from posescope.explain.outputs import Outputs
from posescope.explain.pose import Pose
from posescope.explain.pose_function import PoseFunction
from posescope.explain.readouts.categorical import CategoricalReadout
from posescope.explain.targets.bound import BoundTarget
from posescope.explain.targets.target import Target

__all__ = ['Likelihood']

_RATE = 0.3  # per cell
_TINY = 1e-12  # keeps the gradient of a distance finite where it is zero
_WEAK = 0.05
"""Share of the input's longer side by which a soft-argmax may lie beside the joint that the codec decodes."""


class Likelihood(Target):
    """exp(-0.3 · |p̂ - p|), p̂ the soft-argmax of the joint's map and p its label, cells; needs ``truth``.

    Of Q. He et al., PoseIG (CVPR 2023). The soft-argmax is the mean of softmax(β · map) with β = 10, or, where a head
    gives logits, with β = 1. On a weak peak it lies between the peak and the middle of the map, which is warned of.

    Args:
        beta: β; None for these.

    Raises:
        InputError: β is not positive.
    """

    name: ClassVar[str] = 'likelihood'
    kinds: ClassVar[tuple[str, ...]] = ('heatmap', 'centre_guided')

    def __init__(self, beta: float | None = None) -> None:
        if beta is not None and not beta > 0:
            raise InputError(f'beta={beta} of target {self.name} has to be positive')
        self.beta = beta

    def bind(
        self,
        function: PoseFunction,
        outputs: Outputs,
        pose: Pose,
        *,
        truth: Tensor | None = None,
        other: Tensor | None = None,
    ) -> BoundTarget:
        """Take the labels, and look for weak peaks."""
        self.check(function)
        truth = self.needed(truth, 'truth', pose)
        found = function.readout.grid(outputs)
        assert found is not None
        grid, _ = found
        scale, offset = (truth.new_tensor(pair[::-1]) for pair in (grid.scale, grid.offset))
        valid = truth.isfinite().all(-1)
        beta = self.beta
        if beta is None:
            beta = 1.0 if isinstance(function.readout, CategoricalReadout) else 10.0
        self._warn(function, pose, _soft_argmax(outputs, beta).detach() * scale + offset, valid)

        def measure(outputs: Outputs, fixed: Mapping[str, Tensor]) -> Tensor:
            apart = _soft_argmax(outputs, beta) - fixed['truth']
            return (-_RATE * (apart.square().sum(-1) + _TINY).sqrt()).exp()

        return BoundTarget(self.name, truth, valid, measure, {'truth': ((truth - offset) / scale).nan_to_num()})

    def _warn(self, function: PoseFunction, pose: Pose, soft: Tensor, valid: Tensor) -> None:
        """Warn of joints whose soft-argmax lies beside what the codec decodes."""
        apart = (soft - pose.places).norm(dim=-1)
        weak = int(((apart > _WEAK * max(function.input_size)) & valid).sum())
        if weak:
            warnings.warn(
                f"target '{self.name}': the soft-argmax of {weak} of {int(valid.sum())} joints lies more than "
                f'{_WEAK * max(function.input_size):.0f} pixels beside the peak, which is too weak for it: what is '
                'attributed there is not the prediction',
                stacklevel=3,
            )


def _soft_argmax(outputs: Outputs, beta: float) -> Tensor:
    """Mean of softmax(β · map): (B, K, 2) column and row, with fractions; gradients pass."""
    maps = outputs.heatmap
    assert maps is not None
    weights = (beta * maps).flatten(2).softmax(2).view_as(maps)
    rows, columns = (torch.arange(n, dtype=maps.dtype, device=maps.device) for n in maps.shape[-2:])
    return torch.stack([(weights.sum(2) * columns).sum(-1), (weights.sum(3) * rows).sum(-1)], -1)
