"""The value of a heatmap."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from posescope.explain.outputs import Outputs
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.placed import PlacedTarget, at_cells

__all__ = ['Value']


class Value(PlacedTarget):
    """The joint's map at the fixed cell, as the head gives it: for a ``CategoricalHeatmapHead`` a logit."""

    name: ClassVar[str] = 'value'
    kinds: ClassVar[tuple[str, ...]] = ('heatmap', 'centre_guided')

    def evidence(self, function: PoseFunction, outputs: Outputs, cells: Tensor, fixed: Mapping[str, Tensor]) -> Tensor:
        """Read the map."""
        assert outputs.heatmap is not None
        return at_cells(outputs.heatmap, cells)
