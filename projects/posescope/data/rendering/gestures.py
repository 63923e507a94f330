"""What arms do: ranges of the arm's joint angles for everyday gestures."""

from collections.abc import Mapping, Sequence

import numpy as np

__all__ = ['GESTURES', 'arms', 'draw']

# Angles of one arm, degrees, as in joint_limits.PAIRED; a joint left out is drawn from _RELAXED.
_RELAXED = {
    'forearm_pronation': (0.0, 50.0),
    'wrist_flexion': (-20.0, 20.0),
    'wrist_deviation': (-12.0, 8.0),
    'finger_flexion': (8.0, 38.0),
}
GESTURES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    'hanging': {
        'shoulder_plane': (-25, 50),
        'shoulder_elevation': (6, 22),
        'shoulder_rotation': (-30, 15),
        'elbow_flexion': (4, 38),
    },
    'loose': {
        'shoulder_plane': (-20, 70),
        'shoulder_elevation': (16, 48),
        'shoulder_rotation': (-45, 20),
        'elbow_flexion': (10, 80),
    },
    'on hip': {
        'shoulder_plane': (-25, 5),
        'shoulder_elevation': (40, 55),
        'shoulder_rotation': (-70, -58),
        'elbow_flexion': (85, 105),
        'finger_flexion': (30, 60),
    },
    'in pocket': {
        'shoulder_plane': (-40, -10),
        'shoulder_elevation': (18, 28),
        'shoulder_rotation': (-25, -5),
        'elbow_flexion': (38, 58),
        'forearm_pronation': (0, 20),
    },
    'behind back': {
        'shoulder_plane': (-75, -50),
        'shoulder_elevation': (25, 38),
        'shoulder_rotation': (-70, -55),
        'elbow_flexion': (45, 70),
    },
    'before belly': {
        'shoulder_plane': (40, 75),
        'shoulder_elevation': (22, 38),
        'shoulder_rotation': (-60, -35),
        'elbow_flexion': (65, 95),
    },
    'at face': {
        'shoulder_plane': (60, 100),
        'shoulder_elevation': (40, 70),
        'shoulder_rotation': (-25, 5),
        'elbow_flexion': (132, 146),
        'forearm_pronation': (-30, 20),
    },
    'reading': {
        'shoulder_plane': (65, 95),
        'shoulder_elevation': (22, 42),
        'shoulder_rotation': (-35, -8),
        'elbow_flexion': (80, 112),
        'forearm_pronation': (-60, -10),
    },
    'waving': {
        'shoulder_plane': (0, 50),
        'shoulder_elevation': (55, 105),
        'shoulder_rotation': (65, 90),
        'elbow_flexion': (55, 125),
        'finger_flexion': (0, 12),
    },
    'up': {
        'shoulder_plane': (30, 105),
        'shoulder_elevation': (125, 172),
        'shoulder_rotation': (-20, 45),
        'elbow_flexion': (2, 40),
        'finger_flexion': (0, 40),
    },
    'sideways': {
        'shoulder_plane': (-15, 30),
        'shoulder_elevation': (62, 112),
        'shoulder_rotation': (-30, 45),
        'elbow_flexion': (2, 40),
        'forearm_pronation': (0, 70),
    },
    'forwards': {
        'shoulder_plane': (65, 105),
        'shoulder_elevation': (50, 112),
        'shoulder_rotation': (-30, 20),
        'elbow_flexion': (2, 45),
        'forearm_pronation': (0, 70),
    },
    'carrying': {
        'shoulder_plane': (65, 95),
        'shoulder_elevation': (14, 38),
        'shoulder_rotation': (-22, 5),
        'elbow_flexion': (72, 108),
        'forearm_pronation': (-50, 10),
        'finger_flexion': (25, 60),
    },
    'on head': {
        'shoulder_plane': (10, 50),
        'shoulder_elevation': (105, 130),
        'shoulder_rotation': (60, 90),
        'elbow_flexion': (118, 138),
    },
    'on thigh': {
        'shoulder_plane': (55, 88),
        'shoulder_elevation': (18, 40),
        'shoulder_rotation': (-28, 0),
        'elbow_flexion': (35, 65),
        'forearm_pronation': (45, 80),
    },
    'on knees': {
        'shoulder_plane': (42, 66),
        'shoulder_elevation': (44, 66),
        'shoulder_rotation': (-15, 10),
        'elbow_flexion': (6, 35),
        'forearm_pronation': (40, 80),
    },
    'on desk': {
        'shoulder_plane': (60, 95),
        'shoulder_elevation': (25, 48),
        'shoulder_rotation': (-35, 0),
        'elbow_flexion': (62, 95),
        'forearm_pronation': (50, 80),
    },
    'propped behind': {
        'shoulder_plane': (-85, -60),
        'shoulder_elevation': (46, 58),
        'shoulder_rotation': (0, 40),
        'elbow_flexion': (4, 26),
        'wrist_flexion': (-65, -45),
    },
}
"""Least and greatest angle of each joint, degrees, by gesture."""


def draw(rng: np.random.Generator, ranges: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Draw every angle uniformly from its range.

    Args:
        rng: Where chance comes from.
        ranges: Least and greatest value by name.

    Returns:
        A value by name.
    """
    return {name: float(rng.uniform(low, high)) for name, (low, high) in ranges.items()}


def arms(
    rng: np.random.Generator,
    choice: np.random.Generator,
    pairs: Sequence[tuple[float, str, str]],
    likeness: float = 0.5,
) -> tuple[dict[str, float], str]:
    """Draw what both arms do.

    Args:
        rng: Where the angles' chance comes from.
        choice: Where the choice of a gesture comes from.
        pairs: Weight, gesture of the left arm, gesture of the right arm.
        likeness: How often two arms with the same gesture also have nearly the same angles.

    Returns:
        Degrees by joint, and the gestures' names.
    """
    weights = np.array([weight for weight, _, _ in pairs])
    _, left, right = pairs[choice.choice(len(pairs), p=weights / weights.sum())]
    left_arm = draw(rng, {**_RELAXED, **GESTURES[left]})
    right_arm = draw(rng, {**_RELAXED, **GESTURES[right]})
    if left == right and rng.random() < likeness:
        right_arm = {joint: 0.8 * left_arm[joint] + 0.2 * angle for joint, angle in right_arm.items()}
    angles = {f'left_{joint}': angle for joint, angle in left_arm.items()}
    angles.update({f'right_{joint}': angle for joint, angle in right_arm.items()})
    return angles, left if left == right else f'{left}, {right}'
