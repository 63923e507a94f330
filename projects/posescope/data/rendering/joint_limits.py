"""How far each joint of a body can move: the ranges of motion that poses are drawn within.

Angles are degrees from the anatomical neutral position: upright, arms hanging, elbows and knees straight, palms facing
the thighs, feet forward. The ranges are the normal ones of the American Academy of Orthopaedic Surgeons (Greene and
Heckman, The Clinical Measurement of Joint Motion, 1994). The arm is described by the plane that it is lifted in, the
angle that it is lifted by and its rotation about itself, as the International Society of Biomechanics recommends (Wu
et al., Journal of Biomechanics 38, 2005).
"""

from collections.abc import Iterable, Mapping

SIDES = ('left', 'right')

CENTRAL = {
    'spine_flexion': (-25.0, 80.0),
    'spine_bend': (-35.0, 35.0),  # towards the left
    'spine_twist': (-45.0, 45.0),  # towards the left
    'neck_flexion': (-45.0, 45.0),
    'neck_bend': (-45.0, 45.0),
    'neck_twist': (-60.0, 60.0),
}
"""Joints of the trunk."""

PAIRED = {
    'shoulder_plane': (-90.0, 135.0),  # 0: sideways, 90: forwards, beyond: across the chest, -90: backwards
    'shoulder_elevation': (0.0, 180.0),
    'shoulder_rotation': (-70.0, 90.0),  # outwards is positive
    'elbow_flexion': (0.0, 150.0),
    'forearm_pronation': (-80.0, 80.0),
    'wrist_flexion': (-70.0, 80.0),  # towards the palm is positive
    'wrist_deviation': (-30.0, 20.0),  # towards the thumb is positive
    'finger_flexion': (0.0, 90.0),
    'hip_flexion': (-30.0, 120.0),
    'hip_abduction': (-30.0, 45.0),
    'hip_rotation': (-45.0, 45.0),  # outwards is positive
    'knee_flexion': (0.0, 135.0),
    'ankle_flexion': (-50.0, 20.0),  # toes up is positive
}
"""Joints of the limbs, each with a left and a right one."""

LIMITS = {**CENTRAL, **{f'{side}_{joint}': limit for side in SIDES for joint, limit in PAIRED.items()}}
"""Least and greatest angle of every joint, degrees."""

# Extension 60° (plane -90°), horizontal extension 45°: backwards an arm cannot be lifted as far as forwards.
_BACKWARDS = 60.0


def highest_elevation(plane: float) -> float:
    """Tell how far an arm can be lifted in a plane; backwards it is less, in proportion to how far backwards.

    Args:
        plane: ``shoulder_plane``, degrees.

    Returns:
        Degrees.
    """
    whole = PAIRED['shoulder_elevation'][1]
    return whole + (whole - _BACKWARDS) * min(plane, 0.0) / 90.0


def within_limits(angles: Mapping[str, float]) -> dict[str, float]:
    """Move every angle that is out of its range to the nearest end of it.

    Args:
        angles: Degrees by joint, names of :data:`LIMITS`.

    Returns:
        A new mapping with the same joints.
    """
    limited = {joint: min(max(angle, LIMITS[joint][0]), LIMITS[joint][1]) for joint, angle in angles.items()}
    for side in SIDES:
        plane, elevation = f'{side}_shoulder_plane', f'{side}_shoulder_elevation'
        if elevation in limited:
            limited[elevation] = min(limited[elevation], highest_elevation(limited.get(plane, 0.0)))
    return limited


def beyond_limits(angles: Mapping[str, float], tolerance: float = 1e-9) -> Iterable[str]:
    """Name the joints whose angle no body has.

    Args:
        angles: Degrees by joint, names of :data:`LIMITS`.
        tolerance: Degrees.

    Returns:
        Names, in the order of ``angles``.
    """
    allowed = within_limits(angles)
    return [joint for joint, angle in angles.items() if abs(angle - allowed[joint]) > tolerance]
