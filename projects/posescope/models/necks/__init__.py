"""Necks that MMPose does not have."""

from posescope.models.necks.stage_keeping_neck import stage_keeping_neck
from posescope.models.necks.top_down_neck import TopDownNeck

__all__ = ['TopDownNeck', 'stage_keeping_neck']
