"""One number for each person and joint, which an explanation is about."""

from posescope.explain.targets.bound import BoundTarget
from posescope.explain.targets.registry import TARGETS, build_target, default_target, target_names, target_of
from posescope.explain.targets.target import Target

__all__ = ['TARGETS', 'BoundTarget', 'Target', 'build_target', 'default_target', 'target_names', 'target_of']
