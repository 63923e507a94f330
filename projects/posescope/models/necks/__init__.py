"""Necks that MMPose does not have."""

from posescope.models.necks.top_down_neck import TopDownNeck

__all__ = ['TopDownNeck']
