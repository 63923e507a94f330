"""What MoveNet ranks cells by."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from posescope.explain.outputs import Outputs
from posescope.explain.pose_function import PoseFunction
from posescope.explain.readouts.centre_guided import CentreGuidedReadout
from posescope.explain.targets.placed import PlacedTarget, at_cells

__all__ = ['WeightedScore']

_TINY = 1e-12  # keeps the gradient of a distance finite where it is zero


class WeightedScore(PlacedTarget):
    """heatmap / (distance to where the centre expects the joint + 1.8), as MoveNet's decoding ranks cells.

    Besides the joint's cell the centre's cell is fixed. Chosen anew it would jump, and no gradient tells of a jump.
    """

    name: ClassVar[str] = 'weighted_score'
    kinds: ClassVar[tuple[str, ...]] = ('centre_guided',)

    def fixed_by(self, function: PoseFunction, outputs: Outputs) -> dict[str, Tensor]:
        """Fix the centre's cell."""
        assert isinstance(function.readout, CentreGuidedReadout)
        return {'centre': function.readout.centre_cells(outputs)}

    def evidence(self, function: PoseFunction, outputs: Outputs, cells: Tensor, fixed: Mapping[str, Tensor]) -> Tensor:
        """Weigh the map's value."""
        assert outputs.heatmap is not None
        assert outputs.regress is not None
        joints = outputs.heatmap.shape[1]
        centre = fixed['centre'][:, None].expand(-1, 2 * joints, -1)
        to_joint = at_cells(outputs.regress, centre).unflatten(1, (joints, 2)).flip(-1)  # x, y
        apart = cells - fixed['centre'][:, None] - to_joint
        distance = (apart.square().sum(-1) + _TINY).sqrt()
        return at_cells(outputs.heatmap, cells) / (distance + function.readout.decoder.distance_offset)
