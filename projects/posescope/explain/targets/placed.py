"""Targets that are read at a cell of a map, or at bins of vectors."""

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from posescope.explain.outputs import Outputs
from posescope.explain.pose import Pose
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget
from posescope.explain.targets.target import Target

__all__ = ['PlacedTarget', 'at_cells']


class PlacedTarget(Target):
    """How strongly a head speaks for a joint at a cell."""

    @abstractmethod
    def evidence(self, function: PoseFunction, outputs: Outputs, cells: Tensor, fixed: Mapping[str, Tensor]) -> Tensor:
        """Read it.

        Args:
            function: The model.
            outputs: Of B crops.
            cells: (B, K, 2) int64, column and row.
            fixed: Of :meth:`fixed_by`, for these B crops.

        Returns:
            (B, K).
        """

    def fixed_by(self, function: PoseFunction, outputs: Outputs) -> dict[str, Tensor]:
        """What else than the cells the unperturbed run fixes, by name, (P, …)."""
        return {}

    def bind(
        self,
        function: PoseFunction,
        outputs: Outputs,
        pose: Pose,
        *,
        truth: Tensor | None = None,
        other: Tensor | None = None,
    ) -> BoundTarget:
        """Fix the cells that the joints were read from."""
        self.check(function)
        fixed = {'cells': function.readout.peak_cells(outputs), **self.fixed_by(function, outputs)}
        valid = torch.ones_like(pose.scores, dtype=torch.bool)
        return BoundTarget(
            self.name,
            pose.places,
            valid,
            lambda outputs, fixed: self.evidence(function, outputs, fixed['cells'], fixed),
            fixed,
        )


def at_cells(maps: Tensor, cells: Tensor) -> Tensor:
    """Read maps (B, K, h, w) at cells (B, K, 2), column and row: (B, K)."""
    flat = cells[..., 1] * maps.shape[-1] + cells[..., 0]
    return maps.flatten(2).gather(2, flat[..., None])[..., 0]
