"""How people lie: on the back, on the front or on a side."""

import numpy as np

from posescope.data.rendering.gestures import draw
from posescope.data.rendering.joint_limits import SIDES
from posescope.data.rendering.posture import Posture, around, look_somewhere, tilted, trunk

__all__ = ['lying']

Ranges = dict[str, tuple[float, float]]

_ALONG_BODY_FACE_UP: Ranges = {
    'shoulder_plane': (4, 15),
    'shoulder_elevation': (14, 85),
    'shoulder_rotation': (-10, 40),
    'elbow_flexion': (4, 30),
    'forearm_pronation': (-40, 30),
    'finger_flexion': (8, 40),
}
_ON_BELLY: Ranges = {
    **_ALONG_BODY_FACE_UP,
    'shoulder_plane': (12, 25),
    'shoulder_elevation': (22, 34),
    'shoulder_rotation': (-58, -40),
    'elbow_flexion': (70, 92),
}
_BESIDE_HEAD_FACE_UP: Ranges = {
    **_ALONG_BODY_FACE_UP,
    'shoulder_elevation': (100, 135),
    'shoulder_rotation': (70, 86),
    'elbow_flexion': (60, 125),
}
_BESIDE_HEAD_FACE_DOWN: Ranges = {
    'shoulder_plane': (-5, 5),
    'shoulder_elevation': (95, 140),
    'shoulder_rotation': (60, 88),
    'elbow_flexion': (50, 110),
    'forearm_pronation': (0, 40),
}
_ALONG_BODY_FACE_DOWN: Ranges = {
    **_BESIDE_HEAD_FACE_DOWN,
    'shoulder_elevation': (12, 35),
    'shoulder_rotation': (-30, 0),
    'elbow_flexion': (0, 25),
}
_LEGS_FACE_DOWN: Ranges = {
    'hip_flexion': (-4, 2),
    'knee_flexion': (0, 14),
    'hip_abduction': (0, 16),
    'hip_rotation': (0, 30),
    'ankle_flexion': (-47, -45),
}
_BEFORE_CHEST: Ranges = {
    'shoulder_elevation': (50, 95),
    'elbow_flexion': (30, 110),
    'forearm_pronation': (0, 50),
    'finger_flexion': (8, 40),
}
# The lower arm lies on the ground, not in it; weight draws the upper one across the chest down to the ground.
_LOWER_ARM: Ranges = {**_BEFORE_CHEST, 'shoulder_plane': (94, 112), 'shoulder_rotation': (-60, -25)}
_UPPER_ARM: Ranges = {**_BEFORE_CHEST, 'shoulder_plane': (100, 130), 'shoulder_rotation': (-30, 0)}


def lying(rng: np.random.Generator, choice: np.random.Generator) -> Posture:
    """Lie."""
    way = choice.random()
    angles = {**trunk(rng), **look_somewhere(rng)}
    if way < 0.5:
        _on_the_back(rng, choice, angles)
        return Posture(angles, tilted(-90.0), 'lying on the back', 'floor', balances=False)
    if way < 0.7:
        _on_the_front(rng, angles)
        return Posture(angles, tilted(90.0), 'lying on the front', 'floor', balances=False)
    _on_the_left_side(rng, angles)
    return Posture(angles, tilted(0.0, 90.0), 'lying on a side', 'floor', balances=False)


def _on_the_back(rng: np.random.Generator, choice: np.random.Generator, angles: dict[str, float]) -> None:
    knees_up = choice.random() < 0.4
    angles.update({'spine_flexion': rng.uniform(0.0, 6.0), 'neck_flexion': rng.uniform(0.0, 15.0)})
    for side in SIDES:
        place = rng.random()
        arm = _ON_BELLY if place < 0.3 else _BESIDE_HEAD_FACE_UP if place < 0.5 else _ALONG_BODY_FACE_UP
        if knees_up and rng.random() < 0.85:
            # Thigh and shin are equally long, so with the knee bent by twice the thigh's slope the foot is down again.
            slope = rng.uniform(35.0, 55.0)
            leg: Ranges = {'ankle_flexion': (slope - 50.0, slope - 50.0), 'hip_rotation': (-5, 8)}
        else:
            slope = rng.uniform(0.0, 6.0)
            leg = {'ankle_flexion': (-30, -10), 'hip_rotation': (5, 35)}
        leg |= {'hip_flexion': (slope, slope), 'knee_flexion': (2 * slope, 2 * slope), 'hip_abduction': (0, 16)}
        _set(angles, side, draw(rng, {**arm, **leg}))


def _on_the_front(rng: np.random.Generator, angles: dict[str, float]) -> None:
    for side in SIDES:
        arm = _ALONG_BODY_FACE_DOWN if rng.random() < 0.3 else _BESIDE_HEAD_FACE_DOWN
        _set(angles, side, draw(rng, {**arm, **_LEGS_FACE_DOWN}))
    angles.update({'spine_flexion': -rng.uniform(0.0, 8.0), 'neck_flexion': -rng.uniform(0.0, 15.0)})
    angles['neck_twist'] = float(rng.choice([-1.0, 1.0])) * rng.uniform(35.0, 58.0)


def _on_the_left_side(rng: np.random.Generator, angles: dict[str, float]) -> None:
    curl = rng.uniform(10.0, 75.0)
    for side, arm in (('left', _LOWER_ARM), ('right', _UPPER_ARM)):
        hip, knee = curl + around(rng, 10.0), 1.1 * curl + rng.uniform(0.0, 20.0)
        leg: Ranges = {'hip_abduction': (-8, 0), 'ankle_flexion': (-30, -5)}
        _set(angles, side, {**draw(rng, {**arm, **leg}), 'hip_flexion': hip, 'knee_flexion': knee})
    angles['spine_bend'] = around(rng, 3.0)
    angles['neck_bend'] = rng.uniform(0.0, 18.0)  # the head sinks towards the ground


def _set(angles: dict[str, float], side: str, limb: dict[str, float]) -> None:
    angles.update({f'{side}_{joint}': angle for joint, angle in limb.items()})
