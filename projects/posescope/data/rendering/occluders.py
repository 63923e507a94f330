"""Things in front of people, placed where they hide chosen joints."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from posescope.data.rendering.body import COCO_JOINTS
from posescope.data.rendering.mesh import Mesh
from posescope.data.rendering.objects import Prop, prop_mesh, sample_prop
from posescope.data.rendering.rasteriser import Camera

__all__ = ['Occluder', 'place_occluder', 'sample_occluder']

# What stands on the ground and hides all below a height, and which joints that height is at.
_LOW = ('box', 'table', 'bench', 'chair', 'barrel', 'parapet', 'parapet', 'fence', 'bush', 'bush', 'plant')
_LOW_TARGETS = (
    'left_knee',
    'right_knee',
    'left_ankle',
    'right_ankle',
    'left_hip',
    'right_hip',
    'left_knee',
    'right_knee',
)
# What is tall or hangs in the air, and hides a joint and what is above and below, or around it.
_TALL = ('pole', 'pole', 'panel', 'panel', 'ball', 'bush')
_TALL_TARGETS = tuple(
    f'{side}_{name}' for side in ('left', 'right') for name in ('elbow', 'wrist', 'shoulder', 'knee', 'hip')
)
_LEAST_FROM_CAMERA, _MARGIN = 0.45, 0.25
_LOWEST_LOW, _HIGHEST_LOW = 0.18, 1.25


@dataclass(frozen=True)
class Occluder:
    """An object in front of the main person.

    Attributes:
        prop: The object; where it hides all below a joint, its height is made to measure.
        joint: Index of the joint that it is to hide.
        hides_below: Whether its upper edge, rather than its middle, is to be at the joint.
        gap: Metres between it and the person.
        aside: By how much it misses the joint, as a share of its own width.
        turn: Degrees that it is turned about the vertical.
    """

    prop: Prop
    joint: int
    hides_below: bool
    gap: float
    aside: float
    turn: float


def sample_occluder(rng: np.random.Generator, pose_class: str) -> Occluder:
    """Draw an object and what it is to hide.

    Args:
        rng: Where chance comes from.
        pose_class: What the person does; people who lie are hidden by low things only.
    """
    low = rng.random() < (0.9 if pose_class == 'lying' else 0.6)
    kinds, targets = (_LOW, _LOW_TARGETS) if low else (_TALL, _TALL_TARGETS)
    prop = sample_prop(rng, str(rng.choice(kinds)))
    joint = COCO_JOINTS.index(str(rng.choice(targets)))
    gap = float(rng.uniform(0.05, 0.7))
    return Occluder(prop, joint, low, gap, float(rng.uniform(-0.3, 0.3)), float(rng.uniform(-25.0, 25.0)))


def place_occluder(occluder: Occluder, camera: Camera, joints: NDArray[np.float64], people: list[Mesh]) -> Mesh | None:
    """Build an occluder where it belongs.

    Args:
        occluder: What to place.
        camera: Where it is seen from.
        joints: (17, 3) of the person, world, metres.
        people: Everyone; nobody is touched.

    Returns:
        The mesh in the world; none if there is no room between the camera and the people.
    """
    target = joints[occluder.joint]
    mesh = _turned(prop_mesh(occluder.prop), occluder.turn)
    half_width, half_depth = (float(np.abs(mesh.vertices[:, axis]).max()) for axis in (0, 1))
    share = _farthest_share(camera, target, people, half_width, half_depth, occluder)
    if share is None:
        return None
    place = camera.position + share * (target - camera.position)
    height = float(place[2])
    prop = occluder.prop
    if occluder.hides_below:
        height = float(np.clip(height, _LOWEST_LOW, _HIGHEST_LOW))
        prop = replace(prop, size=(prop.size[0], prop.size[1], height))
    mesh = _turned(prop_mesh(prop), occluder.turn)
    lift = max(height - prop.size[2] / 2, 0.0) if prop.kind == 'ball' and not occluder.hides_below else 0.0
    x = float(place[0]) + occluder.aside * 2 * half_width
    if prop.kind in ('parapet', 'fence'):
        x = float(place[0])
    return mesh.transformed(np.eye(3), np.round(np.array([x, place[1], lift]), 5))


def _turned(mesh: Mesh, degrees: float) -> Mesh:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return mesh.transformed(np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]), np.zeros(3))


def _farthest_share(
    camera: Camera,
    target: NDArray[np.float64],
    people: list[Mesh],
    half_width: float,
    half_depth: float,
    occluder: Occluder,
) -> float | None:
    """Find how far along the ray to the target, 0 to 1, an object may stand without touching anyone."""
    depth = float(target[1] - camera.position[1])
    if depth <= 0:
        return None
    # Whoever stands within its width must be behind it. Nearer to the camera it is nearer to the axis: the margin.
    x = float(target[0]) + occluder.aside * 2 * half_width
    front = float(target[1])
    for mesh in people:
        across = np.abs(mesh.vertices[:, 0] - x) < half_width + _MARGIN
        front = min(front, float(mesh.vertices[across, 1].min(initial=front)))
    y = front - half_depth - occluder.gap
    nearest = float(camera.position[1]) + half_depth + _LEAST_FROM_CAMERA
    latest = front - half_depth - 0.03
    if latest < nearest:
        return None
    return (max(y, nearest) - float(camera.position[1])) / depth
