"""Backbones that MMPose does not have."""

from posescope.models.backbones.movenet import MoveNetBackbone
from posescope.models.backbones.movenet_fpn import MoveNetFPN

__all__ = ['MoveNetBackbone', 'MoveNetFPN']
