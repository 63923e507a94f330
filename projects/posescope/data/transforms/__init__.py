"""Transforms that MMPose does not have."""

from posescope.data.transforms.cached_image import CachedImage
from posescope.data.transforms.contiguous_image import ContiguousImage
from posescope.data.transforms.group_keypoint_removal import GroupKeypointRemoval
from posescope.data.transforms.perturb_box import PerturbBox
from posescope.data.transforms.perturb_image import PerturbImage
from posescope.data.transforms.plant_cue import PlantCue
from posescope.data.transforms.randomise_region_colour import RandomiseRegionColour
from posescope.data.transforms.uniform_bbox_transform import UniformBBoxTransform

__all__ = [
    'CachedImage',
    'ContiguousImage',
    'GroupKeypointRemoval',
    'PerturbBox',
    'PerturbImage',
    'PlantCue',
    'RandomiseRegionColour',
    'UniformBBoxTransform',
]
