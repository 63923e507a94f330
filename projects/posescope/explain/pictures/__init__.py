"""Drawings of explanations; each takes plain arrays and gives a figure."""

from posescope.explain.pictures.bone_average import draw_bone_average
from posescope.explain.pictures.cut_out import cut_out
from posescope.explain.pictures.joint_maps import MOST_JOINTS, draw_joint_maps
from posescope.explain.pictures.people_overview import draw_people

__all__ = ['MOST_JOINTS', 'cut_out', 'draw_bone_average', 'draw_joint_maps', 'draw_people']
