"""Which joints are hidden, and by what, read off the depth buffer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from posescope.data.body_parts import BODY_PARTS, OCCLUDER
from posescope.data.rendering.body import COCO_JOINTS
from posescope.data.rendering.mesh import Mesh
from posescope.data.rendering.rasteriser import Camera, Fragments

NOT_HIDDEN, BY_SELF, BY_OBJECT, BY_PERSON, OUTSIDE = range(5)

_PARTS_AROUND = {
    'nose': ('head',),
    'eye': ('head',),
    # Hair on an ear or a shoulder does not keep anyone from saying where it is.
    'ear': ('head', 'hair'),
    'shoulder': ('torso', 'upper_arm', 'hair'),
    'elbow': ('upper_arm', 'forearm'),
    'wrist': ('forearm', 'hand'),
    'hip': ('torso', 'thigh', 'skirt'),
    'knee': ('thigh', 'lower_leg', 'skirt'),
    'ankle': ('lower_leg', 'foot', 'skirt'),
}
"""Parts whose surface lies around a joint; of a limb, those of the joint's own side."""

_FACE_DEPTH = {'nose': 0.05, 'eye': 0.04, 'ear': 0.05}
_LEAST_DEPTH = 0.08
_DEPTH_FACTOR, _DEPTH_ADDED = 4.0, 0.16
_NEIGHBOURHOOD = 0.02


def joint_occlusion(
    fragments: Fragments, meshes: Sequence[Mesh], camera: Camera, joints: np.ndarray, owner: int
) -> np.ndarray:
    """Tell of each joint of one person whether it is hidden, and by what.

    A joint lies inside the body, so it is never at the surface that is seen. It counts as seen where the surface at
    its place (a quarter of a disc of 20 mm radius, of the samples that show anything) belongs to the same person, to a
    part around that joint on its own side, and lies at most so much nearer to the camera as the body is thick there.
    That thickness is four times the distance from the joint to the nearest point of the dressed body around it, at most
    160 mm more than that distance (the hip joint lies nearer to the side than to the back), and at least 80 mm; of
    nose, eyes and ears, which lie at the surface, 50, 40 and 50 mm. Otherwise whatever is seen most there hides it.

    Args:
        fragments: What is seen at each sample.
        meshes: The meshes that were rasterised. A mesh whose parts are ``OCCLUDER`` is an object, any other a person.
        camera: The camera.
        joints: (17, 3) in the world, metres, COCO order.
        owner: Index of the person's mesh.

    Returns:
        (17,) int64: 0 not hidden, 1 hidden by the own body, 2 by an object, 3 by another person, 4 outside the picture.
    """
    is_object = np.array([len(mesh.part) > 0 and mesh.part[0] == OCCLUDER for mesh in meshes])
    codes = np.zeros(len(joints), dtype=np.int64)
    for index, (x, y, depth) in enumerate(camera.project(joints)):
        if depth <= 0 or not (-0.5 <= x < camera.width - 0.5 and -0.5 <= y < camera.height - 0.5):
            codes[index] = OUTSIDE
            continue
        rows, columns = _disc(fragments, camera, x, y, depth)
        mesh = fragments.mesh[rows, columns]
        parts = _parts_around(COCO_JOINTS[index])
        own = mesh == owner
        part = meshes[owner].part[np.where(own, fragments.face[rows, columns], 0)]
        thickness = _thickness(meshes[owner], joints[index], COCO_JOINTS[index], parts)
        seen = own & np.isin(part, parts) & (depth - fragments.depth[rows, columns] < thickness)
        codes[index] = _verdict(seen, mesh, own, is_object)
    return codes


def _verdict(seen: np.ndarray, mesh: np.ndarray, own: np.ndarray, is_object: np.ndarray) -> int:
    """Weigh the samples around a joint: (N,) whether it is seen, mesh index, whether that is the person itself."""
    shown = mesh >= 0
    if 4 * seen.sum() >= shown.sum():
        return NOT_HIDDEN
    hiding = shown & ~seen
    by_object = (hiding & is_object[np.maximum(mesh, 0)]).sum()
    by_self = (hiding & own).sum()
    by_person = hiding.sum() - by_object - by_self
    return int(np.argmax([-1, by_self, by_object, by_person]))


def _disc(fragments: Fragments, camera: Camera, x: float, y: float, depth: float) -> tuple[np.ndarray, np.ndarray]:
    """List the samples around a place in the picture: rows and columns, each (N,) int64."""
    step = fragments.supersample
    centre_column, centre_row = (x + 0.5) * step - 0.5, (y + 0.5) * step - 0.5
    radius = max(_NEIGHBOURHOOD * camera.focal / depth * step, 0.75)
    height, width = fragments.depth.shape
    row, column = np.mgrid[
        max(int(np.floor(centre_row - radius)), 0) : min(int(np.ceil(centre_row + radius)) + 1, height),
        max(int(np.floor(centre_column - radius)), 0) : min(int(np.ceil(centre_column + radius)) + 1, width),
    ]
    near = (row - centre_row) ** 2 + (column - centre_column) ** 2 <= radius**2
    return row[near], column[near]


def _parts_around(joint: str) -> list[int]:
    """Look up the parts around a joint, as values of ``BODY_PARTS``."""
    side, _, kind = joint.rpartition('_')
    return [BODY_PARTS[name if name in BODY_PARTS else f'{side}_{name}'] for name in _PARTS_AROUND[kind]]


def _thickness(mesh: Mesh, joint: np.ndarray, name: str, parts: list[int]) -> float:
    """Tell how far behind the surface that is seen a joint may lie, metres."""
    kind = name.rpartition('_')[2]
    if kind in _FACE_DEPTH:
        return _FACE_DEPTH[kind]
    around = mesh.vertices[mesh.faces[np.isin(mesh.part, parts)]].reshape(-1, 3)
    if not len(around):
        return _LEAST_DEPTH
    nearest = float(np.sqrt(((around - joint) ** 2).sum(axis=1).min()))
    return max(min(_DEPTH_FACTOR * nearest, nearest + _DEPTH_ADDED), _LEAST_DEPTH)
