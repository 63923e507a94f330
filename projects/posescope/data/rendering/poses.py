"""Poses: what people do, drawn within the limits of their joints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from posescope.data.rendering.anatomy import bone_rotations, joint_positions, mirrored_angles
from posescope.data.rendering.clearance import deepest_contact
from posescope.data.rendering.joint_limits import SIDES, within_limits
from posescope.data.rendering.low_poses import crouching, sitting
from posescope.data.rendering.lying_poses import lying
from posescope.data.rendering.posture import Posture
from posescope.data.rendering.upright_poses import bending, reaching, standing, walking

__all__ = ['POSTURES', 'Pose', 'sample_pose']

POSTURES: Mapping[str, Callable[[np.random.Generator, np.random.Generator], Posture]] = {
    'standing': standing,
    'walking': walking,
    'reaching': reaching,
    'bending': bending,
    'sitting': sitting,
    'crouching': crouching,
    'lying': lying,
}
"""What draws each pose class from a generator for angles and one for what is done; each function favours one side,
which mirroring evens out."""

# A pose whose limbs go deeper than this into something is drawn again; clothes and flesh give way that much.
_PERMITTED_CONTACT = 0.03
_ATTEMPTS = 60
_GREATEST_LEAN = 12.0

# Share of the body's mass and where between two joints it lies (Dempster, 1955, after Winter, Biomechanics and Motor
# Control of Human Movement, 4th edition, table 4.1).
_MASSES = (
    (0.497, 'root', 'neck01', 0.5),
    (0.081, 'neck01', 'crown', 0.6),
    *(
        part
        for side in ('.L', '.R')
        for part in (
            (0.028, f'upperarm01{side}', f'lowerarm01{side}', 0.436),
            (0.022, f'lowerarm01{side}', f'fingertips{side}', 0.6),
            (0.100, f'upperleg01{side}', f'lowerleg01{side}', 0.433),
            (0.0465, f'lowerleg01{side}', f'foot{side}', 0.433),
            (0.0145, f'heel{side}', f'toes{side}', 0.5),
        )
    ),
)


@dataclass(frozen=True)
class Pose:
    """How a body is held, whatever its shape.

    Attributes:
        pose_class: A key of :data:`posescope.data.rendering.composition.POSES`.
        action: What is done, in words.
        angles: Degrees by joint, names of :data:`posescope.data.rendering.joint_limits.LIMITS`.
        tilt: Rotation vector of the pelvis, radians: how the whole body leans or lies while it faces -y.
        seat: What the body rests on: ``'feet'``, ``'chair'`` or ``'floor'``. The lowest point of the body lies on the
            ground in any case; a chair goes under the thighs.
    """

    pose_class: str
    action: str
    angles: dict[str, float]
    tilt: tuple[float, float, float]
    seat: str

    @property
    def rotations(self) -> dict[str, NDArray[np.float64]]:
        """(3,) rotation vectors, radians, by bone of the body model."""
        return bone_rotations(self.angles)

    @property
    def root(self) -> NDArray[np.float64]:
        """(3, 3) rotation of the whole body."""
        return Rotation.from_rotvec(self.tilt).as_matrix()

    def looking(self, degrees: float) -> 'Pose':
        """Turn the head, as far as the neck can.

        Args:
            degrees: Where to, from straight ahead of the torso, towards the left.
        """
        # The torso's direction is between that of the hips and that of the shoulders, which the head sits on.
        twist = degrees - self.angles['spine_twist'] / 2
        return replace(self, angles=within_limits({**self.angles, 'neck_twist': twist}))


def sample_pose(rng: np.random.Generator, pose_class: str, girth: float = 1.0) -> Pose:
    """Draw a pose; its mirror image is exactly as probable.

    Args:
        rng: Where chance comes from.
        pose_class: A key of :data:`posescope.data.rendering.composition.POSES`.
        girth: How thick the body is; 1 is middling. Limbs stay out of thicker bodies too.

    Returns:
        The pose. Should all attempts touch themselves, the one that does least.
    """
    best: tuple[float, Pose] | None = None
    # What is done is chosen once: a gesture that often fails must not become rare by that.
    chosen = int(rng.integers(2**32))
    for _ in range(_ATTEMPTS):
        pose = _settle(POSTURES[pose_class](rng, np.random.default_rng(chosen)), pose_class)
        contact = deepest_contact(joint_positions(pose.rotations), girth)
        if best is None or contact < best[0]:
            best = contact, pose
        if contact <= _PERMITTED_CONTACT:
            break
    assert best is not None
    return _mirrored(best[1]) if rng.random() < 0.5 else best[1]


def _settle(posture: Posture, pose_class: str) -> Pose:
    """Bring the joints within their limits and the weight over the feet."""
    angles, tilt = within_limits(posture.angles), posture.tilt
    if posture.balances:
        for _ in range(2):
            lean = _lean(angles, tilt)
            tilt = Rotation.from_euler('x', lean, degrees=True) * tilt
            for side in SIDES:
                angles[f'{side}_ankle_flexion'] += lean
        angles = within_limits(angles)
    x, y, z = tilt.as_rotvec().tolist()
    return Pose(pose_class, posture.action, angles, (x, y, z), posture.seat)


def _lean(angles: dict[str, float], tilt: Rotation) -> float:
    """Tell by how much the body has to lean forwards for its weight to come over its feet; degrees."""
    positions = {bone: tilt.apply(place) for bone, place in joint_positions(bone_rotations(angles)).items()}
    total = sum(mass for mass, *_ in _MASSES)
    centre = sum(mass * ((1 - t) * positions[a] + t * positions[b]) for mass, a, b, t in _MASSES) / total
    soles = [0.5 * (positions[f'heel{side}'] + positions[f'toes{side}']) for side in ('.L', '.R')]
    middle, ground = 0.5 * (soles[0] + soles[1]), min(soles[0][2], soles[1][2])
    lean = np.degrees(np.arctan2(centre[1] - middle[1], centre[2] - ground))
    return float(np.clip(lean, -_GREATEST_LEAN, _GREATEST_LEAN))


def _mirrored(pose: Pose) -> Pose:
    x, y, z = pose.tilt
    return Pose(pose.pose_class, pose.action, mirrored_angles(pose.angles), (x, -y, -z), pose.seat)
