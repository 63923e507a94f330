"""Losses that MMPose does not have."""

from posescope.models.losses.categorical_heatmap_loss import CategoricalHeatmapLoss
from posescope.models.losses.expected_oks_loss import ExpectedOKSLoss

__all__ = ['CategoricalHeatmapLoss', 'ExpectedOKSLoss']
