"""Backbones that MMPose does not have."""

from posescope.models.backbones.bypassed_backbone import bypassed_backbone
from posescope.models.backbones.movenet import MoveNetBackbone
from posescope.models.backbones.movenet_fpn import MoveNetFPN
from posescope.models.backbones.pruned_backbone import pruned_backbone
from posescope.models.backbones.slim_resnet import SlimResNet
from posescope.models.backbones.stacked_hourglass import StackedHourglass

__all__ = [
    'MoveNetBackbone',
    'MoveNetFPN',
    'SlimResNet',
    'StackedHourglass',
    'bypassed_backbone',
    'pruned_backbone',
]
