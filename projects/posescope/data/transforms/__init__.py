"""Transforms that MMPose does not have."""

from posescope.data.transforms.plant_cue import PlantCue

__all__ = ['PlantCue']
