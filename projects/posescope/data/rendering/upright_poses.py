"""How people stand, walk, reach and bend: one function a class, drawing joint angles."""

import numpy as np

from posescope.data.rendering.gestures import arms
from posescope.data.rendering.joint_limits import SIDES
from posescope.data.rendering.posture import Posture, around, both, flat_feet, look_somewhere, tilted, trunk

__all__ = ['bending', 'reaching', 'standing', 'walking']


# Angles of hip, knee and ankle over a stride of walking, from one contact of the heel to the next (Perry and
# Burnfield, Gait Analysis, 2nd edition, 2010), at the given shares of the stride.
_STRIDE = np.array([0.0, 0.1, 0.3, 0.5, 0.6, 0.73, 0.87, 1.0])
_WALK = {
    'hip_flexion': np.array([25.0, 22.0, 5.0, -14.0, -5.0, 20.0, 28.0, 25.0]),
    'knee_flexion': np.array([4.0, 16.0, 8.0, 8.0, 38.0, 62.0, 25.0, 4.0]),
    'ankle_flexion': np.array([0.0, -6.0, 6.0, 10.0, -18.0, -3.0, 2.0, 0.0]),
}
# The same for running (Novacheck, Gait and Posture 7, 1998).
_RUN = {
    'hip_flexion': np.array([38.0, 30.0, 2.0, -10.0, 8.0, 48.0, 55.0, 38.0]),
    'knee_flexion': np.array([18.0, 42.0, 22.0, 55.0, 98.0, 100.0, 48.0, 18.0]),
    'ankle_flexion': np.array([2.0, 16.0, -18.0, -20.0, -8.0, 0.0, 4.0, 2.0]),
}

_AT_EASE = (
    (30.0, 'hanging', 'hanging'),
    (14.0, 'loose', 'loose'),
    (8.0, 'on hip', 'on hip'),
    (6.0, 'on hip', 'hanging'),
    (6.0, 'in pocket', 'in pocket'),
    (4.0, 'behind back', 'behind back'),
    (4.0, 'before belly', 'before belly'),
    (6.0, 'reading', 'hanging'),
    (3.0, 'reading', 'reading'),
    (6.0, 'at face', 'hanging'),
    (4.0, 'carrying', 'hanging'),
    (3.0, 'at face', 'on hip'),
)
_WALKING_ARMS = (
    (3.0, 'reading', 'hanging'),
    (3.0, 'carrying', 'carrying'),
    (2.0, 'at face', 'loose'),
    (2.0, 'in pocket', 'in pocket'),
    (2.0, 'waving', 'hanging'),
)
_REACHES = (
    (12.0, 'up', 'hanging'),
    (10.0, 'up', 'up'),
    (10.0, 'sideways', 'hanging'),
    (10.0, 'sideways', 'sideways'),
    (12.0, 'forwards', 'hanging'),
    (11.0, 'forwards', 'forwards'),
    (14.0, 'waving', 'hanging'),
    (3.0, 'waving', 'waving'),
    (8.0, 'carrying', 'carrying'),
    (5.0, 'up', 'sideways'),
    (5.0, 'forwards', 'on hip'),
    (5.0, 'on head', 'on head'),
    (4.0, 'on head', 'hanging'),
    (4.0, 'forwards', 'up'),
)


def _stance(rng: np.random.Generator, pitch: float = 0.0) -> tuple[dict[str, float], float]:
    """Stand on both feet, the weight more on the right leg; returns angles and the pelvis's roll to the left."""
    width = rng.uniform(0.0, 9.0) if rng.random() < 0.75 else rng.uniform(9.0, 20.0)
    ease = float(rng.choice([0.0, 1.0])) * rng.uniform(0.2, 1.0)
    stride = around(rng, 6.0)
    bend = rng.uniform(0.0, 6.0)
    roll = 4.0 * ease  # the pelvis drops on the side of the leg at ease
    # A leg at ease reaches as far down as the other though the hip is lower: its knee bends, half of that at the hip.
    relaxed = bend + 26.0 * ease
    angles = {
        'right_hip_flexion': pitch + bend / 2 - stride,
        'right_knee_flexion': bend,
        'right_hip_abduction': width / 2 + roll,
        'left_hip_flexion': pitch + relaxed / 2 + stride,
        'left_knee_flexion': relaxed,
        'left_hip_abduction': width / 2 - roll + 4.0 * ease,
        **{f'{side}_hip_rotation': rng.uniform(-4.0, 18.0) for side in SIDES},
    }
    return flat_feet(angles, pitch), roll


def standing(rng: np.random.Generator, choice: np.random.Generator) -> Posture:
    """Stand, arms at ease."""
    legs, roll = _stance(rng)
    gesture, words = arms(rng, choice, _AT_EASE)
    spine = trunk(rng)
    spine['spine_bend'] -= 0.8 * roll
    look = look_somewhere(rng, 18.0 if 'reading' in words else 0.0)
    return Posture({**legs, **spine, **look, **gesture}, tilted(0.0, roll), f'standing, arms {words}')


def walking(rng: np.random.Generator, choice: np.random.Generator) -> Posture:
    """Walk or run, opposite arm and leg forwards."""
    runs = choice.random() < 0.3
    curves, vigour = (_RUN, rng.uniform(0.75, 1.1)) if runs else (_WALK, rng.uniform(0.7, 1.25))
    phase = rng.random()
    angles: dict[str, float] = {}
    for side, share in (('left', phase), ('right', (phase + 0.5) % 1.0)):
        for joint, curve in curves.items():
            angles[f'{side}_{joint}'] = vigour * float(np.interp(share, _STRIDE, curve))
        angles[f'{side}_hip_abduction'] = rng.uniform(-1.0, 4.0)
        angles[f'{side}_hip_rotation'] = rng.uniform(-2.0, 10.0)
    pitch = rng.uniform(6.0, 14.0) if runs else rng.uniform(0.0, 5.0)
    for side in SIDES:
        angles[f'{side}_hip_flexion'] += pitch / 2
    swing = vigour * float(np.cos(2 * np.pi * phase))  # 1: left leg in front
    angles.update(_swinging_arms(rng, swing, runs))
    if not runs and choice.random() < 0.25:
        held, words = arms(rng, choice, _WALKING_ARMS)
        angles.update(held)
    else:
        words = 'swinging'
    spine = trunk(rng, looseness=0.7)
    spine['spine_twist'] += 7.0 * swing  # the shoulder of the arm in front, opposite to the leg in front
    angles.update({**spine, **look_somewhere(rng), 'neck_flexion': -0.5 * pitch + around(rng, 7.0)})
    angles['neck_twist'] -= 5.0 * swing
    return Posture(angles, tilted(pitch), f'{"running" if runs else "walking"}, arms {words}', balances=False)


def _swinging_arms(rng: np.random.Generator, swing: float, runs: bool) -> dict[str, float]:
    """Swing each arm against the leg of its side; ``swing`` is 1 when the left leg is in front."""
    angles: dict[str, float] = {}
    reach = rng.uniform(28.0, 48.0) if runs else rng.uniform(10.0, 30.0)
    for side, forwards in (('left', -swing), ('right', swing)):
        flexion = reach * forwards + 4.0
        angles[f'{side}_shoulder_plane'] = float(np.sign(flexion)) * rng.uniform(62.0, 80.0)
        angles[f'{side}_shoulder_elevation'] = abs(flexion) + rng.uniform(6.0, 10.0)
        angles[f'{side}_shoulder_rotation'] = rng.uniform(-30.0, -5.0)
        bend = rng.uniform(75.0, 105.0) if runs else rng.uniform(8.0, 30.0)
        angles[f'{side}_elbow_flexion'] = bend + 0.4 * max(flexion, 0.0)
        angles[f'{side}_forearm_pronation'] = rng.uniform(-5.0, 35.0)
        angles[f'{side}_finger_flexion'] = rng.uniform(35.0, 75.0) if runs else rng.uniform(15.0, 40.0)
    return angles


def reaching(rng: np.random.Generator, choice: np.random.Generator) -> Posture:
    """Reach, wave, carry; the trunk follows the arms."""
    legs, roll = _stance(rng)
    gesture, words = arms(rng, choice, _REACHES)
    spine = trunk(rng)
    one_sided = 1.0 if ',' in words else 0.0
    if words.startswith('up'):
        spine['spine_flexion'] -= rng.uniform(0.0, 12.0)
        spine['spine_bend'] -= one_sided * rng.uniform(0.0, 12.0)
    elif words.startswith('sideways'):
        spine['spine_bend'] += one_sided * rng.uniform(0.0, 16.0)
    elif words.startswith('forwards'):
        spine['spine_twist'] -= one_sided * rng.uniform(0.0, 18.0)
        spine['spine_flexion'] += rng.uniform(0.0, 18.0)
    look = look_somewhere(rng)
    if words.startswith('up'):
        look['neck_flexion'] -= rng.uniform(0.0, 20.0)
    pitch = rng.uniform(0.0, 10.0) if words.startswith('forwards') else 0.0
    for side in SIDES:
        legs[f'{side}_hip_flexion'] += pitch
    return Posture({**legs, **spine, **look, **gesture}, tilted(pitch, roll), f'reaching, arms {words}')


def bending(rng: np.random.Generator, choice: np.random.Generator) -> Posture:
    """Bend forwards to pick something up or to lean on the knees, or to the side."""
    if choice.random() < 0.2:
        return _bending_sideways(rng, choice)
    depth = rng.uniform(0.25, 1.0)  # 1: down to the floor
    pitch, flexion = 55.0 * depth + around(rng, 6.0), 45.0 * depth + around(rng, 6.0)
    knees = rng.uniform(4.0, 15.0 + 35.0 * depth)
    width = rng.uniform(0.0, 16.0)
    angles = {
        **both({'knee_flexion': knees, 'hip_flexion': pitch + 0.5 * knees, 'hip_abduction': width / 2}),
        **{f'{side}_hip_rotation': rng.uniform(-2.0, 14.0) for side in SIDES},
    }
    stride = around(rng, 10.0)
    angles['left_hip_flexion'] += stride
    angles['right_hip_flexion'] -= stride
    words = str(choice.choice(['to the floor', 'one hand', 'on knees', 'hanging'], p=[0.35, 0.3, 0.2, 0.15]))
    trunk_pitch = pitch + flexion
    for side in SIDES:
        # An arm lifted in front by as much as the trunk is pitched hangs straight down.
        ahead = {'to the floor': 12.0, 'one hand': 15.0, 'on knees': -2.0, 'hanging': 0.0}[words] + around(rng, 8.0)
        angles[f'{side}_shoulder_plane'] = rng.uniform(78.0, 96.0)
        angles[f'{side}_shoulder_elevation'] = max(trunk_pitch + ahead, 5.0)
        angles[f'{side}_shoulder_rotation'] = rng.uniform(-30.0, 10.0)
        angles[f'{side}_elbow_flexion'] = rng.uniform(3.0, 30.0)
        angles.update(
            {f'{side}_forearm_pronation': rng.uniform(0.0, 70.0), f'{side}_finger_flexion': rng.uniform(8, 45)}
        )
    if words == 'one hand':
        other, _ = arms(
            rng, choice, ((3.0, 'on thigh', 'on thigh'), (2.0, 'loose', 'loose'), (1.0, 'on hip', 'on hip'))
        )
        angles.update({joint: angle for joint, angle in other.items() if joint.startswith('right')})
    spine = trunk(rng, flexion)
    spine['spine_twist'] += -12.0 * rng.random() if words == 'one hand' else 0.0
    look = look_somewhere(rng, -0.25 * trunk_pitch * rng.uniform(0.0, 1.2))
    return Posture(flat_feet({**angles, **spine, **look}, pitch), tilted(pitch), f'bending, {words}')


def _bending_sideways(rng: np.random.Generator, choice: np.random.Generator) -> Posture:
    legs, roll = _stance(rng)
    gesture, words = arms(rng, choice, ((3.0, 'hanging', 'up'), (2.0, 'hanging', 'on hip'), (2.0, 'loose', 'sideways')))
    spine = trunk(rng)
    spine['spine_bend'] = rng.uniform(18.0, 34.0)
    look = look_somewhere(rng)
    look['neck_bend'] += rng.uniform(0.0, 20.0)
    tilt = tilted(0.0, roll + rng.uniform(0.0, 8.0))
    return Posture({**legs, **spine, **look, **gesture}, tilt, f'bending sideways, arms {words}')
