"""Drawings of what a layer holds, over the person, in image pixels; each takes plain arrays and gives a figure."""

from posescope.capture.pictures.attention_rows import draw_attention_heads, draw_attention_layers
from posescope.capture.pictures.crop import Crop
from posescope.capture.pictures.feature_maps import draw_feature_maps, strongest_channels
from posescope.capture.pictures.joint_attention import draw_joint_attention
from posescope.capture.pictures.layer_grid import draw_layer_grid
from posescope.capture.pictures.place import CellGrid, Place, mirrored_grid
from posescope.capture.pictures.principal_components import ColourBasis, draw_principal_components
from posescope.capture.pictures.rgb import to_rgb
from posescope.capture.pictures.skeleton_style import SkeletonStyle
from posescope.capture.pictures.stack_strip import draw_stack_strip

__all__ = [
    'CellGrid',
    'ColourBasis',
    'Crop',
    'Place',
    'SkeletonStyle',
    'draw_attention_heads',
    'draw_attention_layers',
    'draw_feature_maps',
    'draw_joint_attention',
    'draw_layer_grid',
    'draw_principal_components',
    'draw_stack_strip',
    'mirrored_grid',
    'strongest_channels',
    'to_rgb',
]
