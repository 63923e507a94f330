"""Losses that MMPose does not have."""

from posescope.models.losses.categorical_heatmap_loss import CategoricalHeatmapLoss
from posescope.models.losses.expected_oks_loss import ExpectedOKSLoss
from posescope.models.losses.inversion_margin_loss import InversionMarginLoss
from posescope.models.losses.joint_weighted_loss import JointWeightedLoss
from posescope.models.losses.oks_heatmap_loss import OKSHeatmapLoss
from posescope.models.losses.sum_of_losses import SumOfLosses

__all__ = [
    'CategoricalHeatmapLoss',
    'ExpectedOKSLoss',
    'InversionMarginLoss',
    'JointWeightedLoss',
    'OKSHeatmapLoss',
    'SumOfLosses',
]
