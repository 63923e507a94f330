"""How people sit and crouch: one function a class, drawing joint angles."""

import numpy as np

from posescope.data.rendering.anatomy import bone_rotations, joint_positions
from posescope.data.rendering.gestures import arms
from posescope.data.rendering.joint_limits import LIMITS, SIDES, within_limits
from posescope.data.rendering.posture import Posture, around, both, flat_feet, look_somewhere, tilted, trunk

__all__ = ['crouching', 'sitting']

# How far the buttocks of someone sitting are below the pelvis's centre, metres.
_BUTTOCKS = 0.1
_SUFFIX = {'left': '.L', 'right': '.R'}
_SITTING_ARMS = (
    (30.0, 'on thigh', 'on thigh'),
    (12.0, 'on desk', 'on desk'),
    (12.0, 'reading', 'reading'),
    (8.0, 'reading', 'on thigh'),
    (8.0, 'at face', 'on thigh'),
    (8.0, 'before belly', 'before belly'),
    (8.0, 'hanging', 'hanging'),
    (5.0, 'waving', 'on thigh'),
    (5.0, 'forwards', 'on thigh'),
    (3.0, 'on head', 'on head'),
)


_CROUCHING_ARMS = (
    (4.0, 'on thigh', 'on thigh'),
    (2.0, 'reading', 'reading'),
    (2.0, 'forwards', 'forwards'),
    (2.0, 'loose', 'loose'),
    (1.0, 'at face', 'on thigh'),
)
_FLOOR_ARMS = (
    (4.0, 'on knees', 'on knees'),
    (2.0, 'reading', 'reading'),
    (1.0, 'at face', 'on knees'),
    (1.0, 'forwards', 'forwards'),
)


def sitting(rng: np.random.Generator, choice: np.random.Generator) -> Posture:
    """Sit on something, or on the ground."""
    if choice.random() < 0.25:
        return _sitting_on_floor(rng, choice)
    slump = rng.uniform(-20.0, 8.0)  # pitch of the pelvis
    slope = rng.uniform(-4.0, 12.0)  # the knees may be a little lower or higher than the hips
    gesture, words = arms(rng, choice, _SITTING_ARMS)
    angles = {
        **trunk(rng, rng.uniform(0.0, 25.0)),
        **look_somewhere(rng, 14.0 if 'reading' in words else 0.0),
        **gesture,
    }
    spread = rng.uniform(0.0, 22.0)
    together = rng.uniform(-18.0, 22.0)  # how far the feet are from under the knees, degrees of the shin backwards
    for side in SIDES:
        shin = together + around(rng, 8.0)
        angles[f'{side}_hip_flexion'] = 90.0 + slope + slump + around(rng, 2.0)
        angles[f'{side}_hip_abduction'] = spread / 2 + rng.uniform(-2.0, 6.0)
        angles[f'{side}_hip_rotation'] = rng.uniform(-8.0, 12.0)
        angles[f'{side}_knee_flexion'] = 90.0 + slope + shin
    angles = flat_feet(angles, slump)
    posture = 'sitting'
    if choice.random() < 0.18:  # a leg stretched out, resting on its heel
        posture = 'sitting, one leg stretched'
        angles['left_knee_flexion'] = rng.uniform(45.0, 65.0)
        angles['left_ankle_flexion'] = rng.uniform(-15.0, 10.0)
        angles['left_hip_flexion'] -= 9.0
    return Posture(angles, tilted(slump), f'{posture}, arms {words}', 'chair', balances=False)


def _sitting_on_floor(rng: np.random.Generator, choice: np.random.Generator) -> Posture:
    way = str(choice.choice(['legs stretched', 'knees up', 'cross-legged'], p=[0.35, 0.35, 0.3]))
    lean = rng.uniform(-28.0, -8.0)
    propped = way != 'cross-legged' and choice.random() < 0.45
    if propped:
        lean = rng.uniform(-38.0, -24.0)
        gesture, words = arms(rng, choice, ((1.0, 'propped behind', 'propped behind'),), likeness=1.0)
    else:
        gesture, words = arms(rng, choice, _FLOOR_ARMS)
    angles = {**trunk(rng, 4.0 if propped else rng.uniform(10.0, 30.0)), **look_somewhere(rng), **gesture}
    for side in SIDES:
        if way == 'legs stretched':
            knee = rng.uniform(0.0, 18.0)
            leg = {
                'hip_flexion': 90.0 + lean + 0.5 * knee,
                'knee_flexion': knee,
                'hip_abduction': rng.uniform(0.0, 16.0),
            }
            leg |= {'hip_rotation': rng.uniform(0.0, 22.0), 'ankle_flexion': rng.uniform(-30.0, 0.0)}
        elif way == 'knees up':
            # Thigh and shin are equally long, so the sole is at the height of the seat when the knee is bent by twice
            # the thigh's slope; a little more lowers the ankle less than the buttocks are thick.
            slope = rng.uniform(38.0, 52.0)
            leg = {'hip_flexion': 90.0 + lean + slope, 'knee_flexion': 2 * slope + 6.0}
            leg |= {'hip_abduction': rng.uniform(0.0, 14.0), 'hip_rotation': rng.uniform(-5.0, 10.0)}
            leg['ankle_flexion'] = lean - leg['hip_flexion'] + leg['knee_flexion']
        else:
            leg = {'hip_flexion': 88.0 + lean, 'knee_flexion': rng.uniform(112.0, 130.0), 'hip_abduction': 40.0}
            leg |= {'hip_rotation': rng.uniform(38.0, 45.0), 'ankle_flexion': rng.uniform(-40.0, -20.0)}
        angles.update({f'{side}_{joint}': angle for joint, angle in leg.items()})
    if way == 'cross-legged':  # one shin in front of the other
        angles['left_knee_flexion'] -= 26.0
    angles = _feet_on_floor(angles, lean)
    return Posture(angles, tilted(lean), f'sitting on the floor, {way}, arms {words}', 'floor', balances=False)


def _feet_on_floor(angles: dict[str, float], lean: float) -> dict[str, float]:
    """Turn the legs up or down at the hips until feet and buttocks are at one height."""
    tilt = tilted(lean)
    lowest, highest = LIMITS['left_hip_flexion']

    def height(flexion: float, side: str) -> float:
        positions = joint_positions(bone_rotations(within_limits({**angles, f'{side}_hip_flexion': flexion})))
        feet = [positions[part + _SUFFIX[side]] for part in ('heel', 'toes', 'foot')]
        return float(min(tilt.apply(np.array(feet))[:, 2] - (0.01, 0.01, 0.04))) + _BUTTOCKS

    for side in SIDES:
        low, high = max(lowest, angles[f'{side}_hip_flexion'] - 40.0), highest
        for _ in range(10):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if height(middle, side) < 0 else (low, middle)
        angles[f'{side}_hip_flexion'] = high
    return angles


def crouching(rng: np.random.Generator, choice: np.random.Generator) -> Posture:
    """Squat, kneel, kneel on one knee, or go on all fours."""
    way = str(choice.choice(['squat', 'kneel', 'half kneel', 'all fours'], p=[0.45, 0.15, 0.25, 0.15]))
    if way == 'all fours':
        return _all_fours(rng)
    gesture, words = arms(rng, choice, _CROUCHING_ARMS)
    pitch = rng.uniform(8.0, 32.0) if way == 'squat' else rng.uniform(-2.0, 14.0)
    angles = {**trunk(rng, rng.uniform(5.0, 25.0)), **look_somewhere(rng, -0.3 * pitch), **gesture}
    if way == 'squat':
        depth = rng.uniform(0.3, 1.0)
        knees = 45.0 + 88.0 * depth
        thigh = knees - (14.0 + 24.0 * depth)  # the rest of the knee's angle is the shin's slope
        width = rng.uniform(4.0, 20.0)
        angles.update(both({'knee_flexion': knees, 'hip_flexion': thigh + pitch, 'hip_abduction': width}))
        angles.update({f'{side}_hip_rotation': rng.uniform(0.0, 20.0) for side in SIDES})
        return Posture(flat_feet(angles, pitch), tilted(pitch), f'squatting, arms {words}')
    upright = rng.uniform(-4.0, 6.0)
    for side in SIDES:
        angles[f'{side}_hip_flexion'] = pitch + upright
        angles[f'{side}_knee_flexion'] = 90.0 + upright - 4.0
        angles[f'{side}_ankle_flexion'] = rng.uniform(-50.0, -38.0)
        angles[f'{side}_hip_abduction'] = rng.uniform(0.0, 8.0)
    if way == 'half kneel':
        angles['left_hip_flexion'] = pitch + rng.uniform(80.0, 92.0)
        angles['left_knee_flexion'] = 90.0 + rng.uniform(-12.0, 8.0)
        angles['left_ankle_flexion'] = pitch - angles['left_hip_flexion'] + angles['left_knee_flexion']
    return Posture(angles, tilted(pitch), f'{way}ing, arms {words}', balances=False)


def _all_fours(rng: np.random.Generator) -> Posture:
    pitch = rng.uniform(76.0, 88.0)
    angles = {**trunk(rng, looseness=0.6), **look_somewhere(rng, -rng.uniform(0.0, 30.0))}
    for side in SIDES:
        step = around(rng, 10.0)
        angles[f'{side}_hip_flexion'] = pitch + step
        angles[f'{side}_knee_flexion'] = 90.0 + step
        angles[f'{side}_ankle_flexion'] = rng.uniform(-50.0, -40.0)
        angles[f'{side}_hip_abduction'] = rng.uniform(0.0, 8.0)
        angles[f'{side}_shoulder_plane'] = rng.uniform(82.0, 94.0)
        angles[f'{side}_shoulder_elevation'] = pitch + around(rng, 8.0)
        angles[f'{side}_elbow_flexion'] = rng.uniform(0.0, 18.0)
        angles[f'{side}_wrist_flexion'] = rng.uniform(-70.0, -55.0)
        angles[f'{side}_forearm_pronation'] = rng.uniform(60.0, 80.0)
    return Posture(angles, tilted(pitch), 'on all fours', 'floor', balances=False)
