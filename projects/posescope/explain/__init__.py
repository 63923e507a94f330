"""What a joint's prediction rests on: attribution, dependency between joints, depth, units.

Everything starts from a :class:`~posescope.explain.pose_function.PoseFunction`, a top-down model as a differentiable
function of its input, and a target of :mod:`posescope.explain.targets`, one number for each person and joint.
``import posescope`` does not import this package.
"""
