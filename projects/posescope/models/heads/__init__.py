"""Heads that MMPose does not have."""

from posescope.models.heads.movenet_head import MoveNetHead, MoveNetOutput

__all__ = ['MoveNetHead', 'MoveNetOutput']
