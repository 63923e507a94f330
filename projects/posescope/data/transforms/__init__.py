"""Transforms that MMPose does not have."""

from posescope.data.transforms.plant_cue import PlantCue
from posescope.data.transforms.uniform_bbox_transform import UniformBBoxTransform

__all__ = ['PlantCue', 'UniformBBoxTransform']
