"""Why here and not there."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from posescope.explain.outputs import Outputs
from posescope.explain.pose import Pose
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget
from posescope.explain.targets.displacement import along
from posescope.explain.targets.log_probability import LogProbability
from posescope.explain.targets.placed import PlacedTarget
from posescope.explain.targets.target import Target
from posescope.explain.targets.value import Value
from posescope.explain.targets.weighted_score import WeightedScore

__all__ = ['Contrast', 'within_input']

_EVIDENCE: dict[str, type[PlacedTarget]] = {
    'heatmap': Value,
    'simcc': LogProbability,
    'centre_guided': WeightedScore,
}


class Contrast(Target):
    """How much more a head speaks for a joint where it saw it than at another place.

    The difference of two values of the same joint: of its map, of log p_x + log p_y, or of MoveNet's weighted score.
    For heads that give coordinates: the displacement along the line between both places, 0 halfway, positive on the
    side of the prediction. Not valid where the other place is unknown, outside the input, or in the same cell.
    """

    kinds: ClassVar[tuple[str, ...]] = ('heatmap', 'simcc', 'centre_guided', 'regression')

    @abstractmethod
    def opposite(self, function: PoseFunction, pose: Pose, truth: Tensor | None, other: Tensor | None) -> Tensor:
        """The other places: (P, K, 2), pixels of the input, NaN where there is none."""

    def bind(
        self,
        function: PoseFunction,
        outputs: Outputs,
        pose: Pose,
        *,
        truth: Tensor | None = None,
        other: Tensor | None = None,
    ) -> BoundTarget:
        """Fix both places of each joint."""
        self.check(function)
        there = self.opposite(function, pose, truth, other)
        here = pose.places
        if function.kind == 'regression':
            return along(function, self.name, here, here - there, (here + there) / 2)
        base = _EVIDENCE[function.kind]()
        cells = function.readout.peak_cells(outputs)
        cells_there, inside = function.readout.cells_at(there, outputs)
        fixed = {'cells': cells, 'there': cells_there, **base.fixed_by(function, outputs)}

        def measure(outputs: Outputs, fixed: Mapping[str, Tensor]) -> Tensor:
            return base.evidence(function, outputs, fixed['cells'], fixed) - base.evidence(
                function, outputs, fixed['there'], fixed
            )

        return BoundTarget(self.name, here, inside & (cells != cells_there).any(-1), measure, fixed)


def within_input(function: PoseFunction, places: Tensor) -> Tensor:
    """Leave out places (P, K, 2) that the input does not show: they become NaN."""
    last = places.new_tensor(function.input_size) - 0.5
    return torch.where(((places >= -0.5) & (places <= last)).all(-1, keepdim=True), places, torch.nan)
