"""Which pixels speak for a joint."""

from posescope.explain.attribution.bone_relative import BoneAverage, BoneFrames
from posescope.explain.attribution.indices import Indices, compare_indices, indices_of
from posescope.explain.attribution.method import Method
from posescope.explain.attribution.registry import METHODS, build_method

__all__ = [
    'METHODS',
    'BoneAverage',
    'BoneFrames',
    'Indices',
    'Method',
    'build_method',
    'compare_indices',
    'indices_of',
]
