"""Heads that MMPose does not have."""

from posescope.models.heads.categorical_heatmap_head import CategoricalHeatmapHead
from posescope.models.heads.movenet_head import MoveNetHead, MoveNetOutput

__all__ = ['CategoricalHeatmapHead', 'MoveNetHead', 'MoveNetOutput']
