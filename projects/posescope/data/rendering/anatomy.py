"""From joint angles to rotations of the body model's bones, and where joints come to lie.

Axes: x to the body's left, y backwards, z up. The body model rests with lifted, bent arms, so each segment has a fixed
rotation (``_ALIGNMENT``) from that rest to the anatomical neutral position, which the angles are counted from.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from posescope.data.rendering.joint_limits import SIDES

__all__ = ['bone_rotations', 'joint_positions', 'mirrored', 'mirrored_angles']

Matrix = NDArray[np.float64]

# Heads of the bones of a middle-aged, middle-sized body at rest, metres; of pairs the left one. The bones' directions
# are the same within three degrees over all shapes of body.
_HEADS = {
    'root': (0.0, 0.0, 0.0),
    'spine05': (0.0, 0.0, 0.0),
    'spine04': (0.0, 0.032, 0.068),
    'spine03': (0.0, 0.019, 0.136),
    'spine02': (0.0, 0.018, 0.211),
    'spine01': (0.0, 0.035, 0.345),
    'neck01': (0.0, 0.006, 0.513),
    'neck02': (0.0, -0.004, 0.541),
    'neck03': (0.0, -0.016, 0.580),
    'head': (0.0, -0.030, 0.609),
    'crown': (0.0, -0.030, 0.760),
    'upperleg01': (0.102, 0.004, -0.007),
    'upperleg02': (0.101, -0.022, -0.100),
    'lowerleg01': (0.133, -0.028, -0.396),
    'lowerleg02': (0.152, -0.013, -0.598),
    'foot': (0.170, 0.0, -0.796),
    'heel': (0.175, 0.045, -0.860),
    'toes': (0.180, -0.185, -0.865),
    'clavicle': (0.022, -0.016, 0.447),
    'shoulder01': (0.101, -0.020, 0.465),
    'upperarm01': (0.165, -0.013, 0.427),
    'upperarm02': (0.216, -0.015, 0.370),
    'lowerarm01': (0.334, -0.019, 0.239),
    'lowerarm02': (0.390, -0.095, 0.181),
    'wrist': (0.450, -0.174, 0.121),
    'knuckles': (0.493, -0.250, 0.070),
    'fingertips': (0.505, -0.300, 0.015),
}
_PARENTS = {
    'spine05': 'root',
    'spine04': 'spine05',
    'spine03': 'spine04',
    'spine02': 'spine03',
    'spine01': 'spine02',
    'neck01': 'spine01',
    'neck02': 'neck01',
    'neck03': 'neck02',
    'head': 'neck03',
    'crown': 'head',
    'upperleg01': 'root',
    'upperleg02': 'upperleg01',
    'lowerleg01': 'upperleg02',
    'lowerleg02': 'lowerleg01',
    'foot': 'lowerleg02',
    'heel': 'foot',
    'toes': 'foot',
    'clavicle': 'spine01',
    'shoulder01': 'clavicle',
    'upperarm01': 'shoulder01',
    'upperarm02': 'upperarm01',
    'lowerarm01': 'upperarm02',
    'lowerarm02': 'lowerarm01',
    'wrist': 'lowerarm02',
    'knuckles': 'wrist',
    'fingertips': 'wrist',
}
_CENTRAL = (
    'root',
    'spine05',
    'spine04',
    'spine03',
    'spine02',
    'spine01',
    'neck01',
    'neck02',
    'neck03',
    'head',
    'crown',
)
_SPINE = ('spine05', 'spine04', 'spine03', 'spine02', 'spine01')
_NECK = ('neck01', 'neck02', 'neck03', 'head')
_LITTLE_FINGER, _INDEX_FINGER = (0.502, -0.214, 0.054), (0.477, -0.267, 0.081)
# Left and right exchanged, a rotation vector changes like this.
_MIRROR = np.array([1.0, -1.0, -1.0])
_SUFFIX = {'left': '.L', 'right': '.R'}

# Beyond 30° of elevation the shoulder blade turns 1° for every 2° of the upper arm (Inman et al., Journal of Bone and
# Joint Surgery 26, 1944); the collar bone, which stands for it in this skeleton, follows by half of that.
_SETTING_PHASE, _GIRDLE_SHARE, _GIRDLE_GREATEST = 30.0, 0.2, 26.0
# Share of a forearm's twist that the lower half of the forearm takes; the wrist takes the rest.
_FOREARM_TWIST = 0.6


def bone_rotations(angles: Mapping[str, float]) -> dict[str, NDArray[np.float64]]:
    """Turn joint angles into rotations of bones.

    Args:
        angles: Degrees by joint, names of :data:`posescope.data.rendering.joint_limits.LIMITS`; a joint left out is
            neutral.

    Returns:
        (3,) rotation vector, radians, by bone. Each is relative to the parent bone, in the axes of the body at rest.
    """
    rotations = {
        **_shared(_SPINE, _trunk_turn(angles, 'spine')),
        **_shared(_NECK, _trunk_turn(angles, 'neck')),
    }
    for side in SIDES:
        prefix = f'{side}_'
        limb = {joint.removeprefix(prefix): angle for joint, angle in angles.items() if joint.startswith(prefix)}
        left_sided = {**_arm(limb), **_leg(limb)}
        turns = Rotation.from_matrix(np.stack(list(left_sided.values()))).as_rotvec()
        turns = turns if side == 'left' else turns * _MIRROR
        rotations.update({bone + _SUFFIX[side]: turn for bone, turn in zip(left_sided, turns, strict=True)})
    return rotations


def mirrored(rotations: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Exchange left and right.

    Args:
        rotations: (3,) rotation vectors by bone.

    Returns:
        The rotations of the body that a mirror shows.
    """
    return {_other_side(bone): _MIRROR * turn for bone, turn in rotations.items()}


def mirrored_angles(angles: Mapping[str, float]) -> dict[str, float]:
    """Exchange left and right.

    Args:
        angles: Degrees by joint.

    Returns:
        The angles of the body that a mirror shows.
    """
    swapped = {}
    for joint, angle in angles.items():
        side, _, rest = joint.partition('_')
        if side in SIDES:
            swapped[f'{"right" if side == "left" else "left"}_{rest}'] = angle
        else:
            swapped[joint] = -angle if rest in ('bend', 'twist') else angle
    return swapped


def joint_positions(rotations: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Tell where the bones of a middle-sized body begin.

    Args:
        rotations: (3,) rotation vectors by bone, as :func:`bone_rotations` gives them.

    Returns:
        (3,) metres by bone, relative to the pelvis, with ``crown``, ``heel``, ``toes``, ``knuckles`` and ``fingertips``
        added, pairs with ``.L`` and ``.R``.
    """
    names, parents, heads = _skeleton()
    vectors = np.array([rotations.get(name, (0.0, 0.0, 0.0)) for name in names], dtype=np.float64)
    turns = Rotation.from_rotvec(vectors).as_matrix()
    positions = np.zeros_like(heads)
    for bone in range(1, len(names)):
        parent = parents[bone]
        positions[bone] = positions[parent] + turns[parent] @ (heads[bone] - heads[parent])
        turns[bone] = turns[parent] @ turns[bone]
    return dict(zip(names, positions, strict=True))


@cache
def _skeleton() -> tuple[list[str], list[int], NDArray[np.float64]]:
    """List all bones, parents first: names, places of the parents, (N, 3) heads."""
    names, heads, parents = ['root'], [_HEADS['root']], [0]
    for name, head in _HEADS.items():
        for suffix, flip in (('', 1.0),) if name in _CENTRAL else (('.L', 1.0), ('.R', -1.0)):
            if name == 'root':
                continue
            parent = _PARENTS[name]
            names.append(name + suffix)
            heads.append((flip * head[0], head[1], head[2]))
            parents.append(names.index(parent if parent in _CENTRAL else parent + suffix))
    return names, parents, np.array(heads)


def _other_side(bone: str) -> str:
    stem, suffix = bone[:-2], bone[-2:]
    return stem + {'.L': '.R', '.R': '.L'}[suffix] if suffix in ('.L', '.R') else bone


def _turn(axis: str, degrees: float) -> Matrix:
    """Rotate about one axis of the body."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    rows = {
        'x': ((1.0, 0.0, 0.0), (0.0, c, -s), (0.0, s, c)),
        'y': ((c, 0.0, s), (0.0, 1.0, 0.0), (-s, 0.0, c)),
        'z': ((c, -s, 0.0), (s, c, 0.0), (0.0, 0.0, 1.0)),
    }
    return np.array(rows[axis])


def _turn_about(axis: Matrix, radians: float) -> Matrix:
    """Rotate about a unit vector (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(radians) * cross + (1.0 - np.cos(radians)) * cross @ cross


def _trunk_turn(angles: Mapping[str, float], part: str) -> Matrix:
    """Compose twist, then bend, then flexion of the spine or the neck; (3,) rotation vector."""
    flexion, bend, twist = (angles.get(f'{part}_{motion}', 0.0) for motion in ('flexion', 'bend', 'twist'))
    return Rotation.from_matrix(_turn('x', flexion) @ _turn('y', bend) @ _turn('z', twist)).as_rotvec()


def _shared(bones: tuple[str, ...], rotation: Matrix) -> dict[str, Matrix]:
    return {bone: rotation / len(bones) for bone in bones}


def _direction(start: str, end: str) -> Matrix:
    vector = np.subtract(_HEADS[end], _HEADS[start])
    return vector / np.linalg.norm(vector)


def _frame(along: Matrix, across: Matrix) -> Matrix:
    """Find the rotation that brings ``along`` to -z and ``across``, made perpendicular to it, to -x."""
    across = across - along * (along @ across)
    across = across / np.linalg.norm(across)
    return np.stack([-across, np.cross(along, across), -along])


@cache
def _alignment() -> dict[str, Matrix]:
    """Rotations of the left limbs' segments from the body model's rest to the anatomical neutral position."""
    elbow_axis = np.cross(_axis('upperarm'), _axis('lowerarm'))
    hand = _direction('wrist', 'knuckles')
    palm = np.cross(hand, np.subtract(_INDEX_FINGER, _LITTLE_FINGER))
    knee_axis = np.array([-1.0, 0.0, 0.0])
    foot = _direction('heel', 'toes')
    return {
        'upperarm': _frame(_axis('upperarm'), elbow_axis),
        'lowerarm': _frame(_axis('lowerarm'), elbow_axis),
        'hand': _frame(hand, palm),
        'thigh': _frame(_axis('thigh'), knee_axis),
        'shin': _frame(_direction('lowerleg01', 'foot'), knee_axis),
        'foot': _turn('z', -float(np.degrees(np.arctan2(foot[0], -foot[1])))),
    }


@cache
def _axis(segment: str) -> Matrix:
    """Give the direction of a left limb's segment at rest."""
    ends = {'upperarm': ('upperarm01', 'lowerarm01'), 'lowerarm': ('lowerarm01', 'wrist')}
    return _direction(*ends.get(segment, ('upperleg01', 'lowerleg01')))


def _twist(rotation: Matrix, axis: Matrix) -> float:
    """Tell by how much a rotation turns about an axis, in the sense of swing and twist; radians."""
    antisymmetric = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], 0.0])
    antisymmetric[2] = rotation[1, 0] - rotation[0, 1]
    return 2.0 * float(np.arctan2(antisymmetric @ axis, 1.0 + np.trace(rotation)))


def _arm(limb: Mapping[str, float]) -> dict[str, Matrix]:
    """Rotations of a left arm's bones, (3, 3) each."""
    align = _alignment()
    elevation, plane = limb.get('shoulder_elevation', 0.0), limb.get('shoulder_plane', 0.0)
    girdle = _girdle(plane, elevation)
    lift = _turn('z', -plane) @ _turn('y', -elevation) @ _turn('z', plane)
    humerus = girdle.T @ lift @ _turn('z', limb.get('shoulder_rotation', 0.0)) @ align['upperarm']
    half = _turn_about(_axis('upperarm'), 0.5 * _twist(humerus, _axis('upperarm')))
    elbow = _turn('x', -limb.get('elbow_flexion', 0.0))
    hand = (
        _turn('z', -limb.get('forearm_pronation', 0.0))
        @ _turn('y', limb.get('wrist_flexion', 0.0))
        @ _turn('x', -limb.get('wrist_deviation', 0.0))
    )
    # What is between elbow and hand: first the forearm's twist, which its lower half shares, then the wrist's bending.
    wrist = align['lowerarm'].T @ hand @ align['hand']
    lower = _turn_about(_axis('lowerarm'), _FOREARM_TWIST * _twist(wrist, _axis('lowerarm')))
    return {
        'clavicle': girdle,
        'upperarm01': humerus @ half.T,
        'upperarm02': half,
        'lowerarm01': align['upperarm'].T @ elbow @ align['lowerarm'],
        'lowerarm02': lower,
        'wrist': lower.T @ wrist,
        **_fingers(limb.get('finger_flexion', 0.0)),
    }


def _girdle(plane: float, elevation: float) -> Matrix:
    """Lift the left collar bone with the arm, and take it forwards or backwards with it."""
    angle = np.clip(_GIRDLE_SHARE * (elevation - _SETTING_PHASE), 0.0, _GIRDLE_GREATEST)
    axis = np.array([0.0, -1.0, -0.5 * np.sin(np.radians(plane))])
    return _turn_about(axis / np.linalg.norm(axis), float(np.radians(angle)))


def _fingers(flexion: float) -> dict[str, Matrix]:
    """Curl the four fingers of a left hand about the line of its knuckles, each joint by the same angle."""
    knuckles = np.subtract(_LITTLE_FINGER, _INDEX_FINGER)
    curl = _turn_about(knuckles / np.linalg.norm(knuckles), float(np.radians(flexion)))
    return {f'finger{finger}-{joint}': curl for finger in range(2, 6) for joint in range(1, 4)}


def _leg(limb: Mapping[str, float]) -> dict[str, Matrix]:
    """Rotations of a left leg's bones, (3, 3) each; the hip's order is Grood and Suntay's (1983)."""
    align = _alignment()
    hip = (
        _turn('x', -limb.get('hip_flexion', 0.0))
        @ _turn('y', -limb.get('hip_abduction', 0.0))
        @ _turn('z', limb.get('hip_rotation', 0.0))
        @ align['thigh']
    )
    half = _turn_about(_axis('thigh'), 0.5 * _twist(hip, _axis('thigh')))
    knee, ankle = _turn('x', limb.get('knee_flexion', 0.0)), _turn('x', -limb.get('ankle_flexion', 0.0))
    return {
        'upperleg01': hip @ half.T,
        'upperleg02': half,
        'lowerleg01': align['thigh'].T @ knee @ align['shin'],
        'foot': align['shin'].T @ ankle @ align['foot'],
    }
