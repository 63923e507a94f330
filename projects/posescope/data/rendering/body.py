"""The body: anny's model of people's shapes, posed; its 17 COCO joints, and the geometry that clothes are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from posescope.compat.anny_model import base_mesh_groups, load_anny
from posescope.data.rendering.forms import Form
from posescope.data.rendering.mesh import vertex_normals
from posescope.data.rendering.regions import Regions
from posescope.errors import InputError, nearest

COCO_JOINTS = (
    'nose',
    'left_eye',
    'right_eye',
    'left_ear',
    'right_ear',
    'left_shoulder',
    'right_shoulder',
    'left_elbow',
    'right_elbow',
    'left_wrist',
    'right_wrist',
    'left_hip',
    'right_hip',
    'left_knee',
    'right_knee',
    'left_ankle',
    'right_ankle',
)

PHENOTYPES = ('gender', 'age', 'muscle', 'weight', 'height', 'proportions', 'african', 'asian', 'caucasian')
"""What a body's shape depends on; each is a number from 0 to 1. Gender 0 is male and 1 female; age 1/3 is a child, 2/3
a young adult and 1 old."""

YOUNGEST = 1 / 3
"""The least age: shapes of babies are not loaded."""

GROUPS = {
    'body': 'body',
    'tights': 'helper-tights',
    'skirt': 'helper-skirt',
    'hair': 'helper-hair',
    'left_eye': 'helper-l-eye',
    'right_eye': 'helper-r-eye',
}

_GRID = 1e-5


@dataclass(frozen=True)
class Body:
    """A person of one shape in one pose. z is up, the person faces -y, the person's left is +x; metres.

    Attributes:
        vertices: (V, 3) float64, all vertices of the base mesh, clothes and hair included.
        joints: (17, 3) float64, COCO order; most lie inside the body.
        normals: (V, 3) float64 unit vectors; zero for vertices of no group.
    """

    vertices: np.ndarray
    joints: np.ndarray
    normals: np.ndarray


class BodyModel:
    """People of every shape in every pose. Building it takes seconds: build it once.

    Attributes:
        bones: Names of the bones, which rotations are given for.
        groups: Name of each part of the base mesh (``GROUPS``), to its (F, 3) int64 triangles.
        rest: (V, 3) float64, vertices of the average body in the reference pose (arms half lowered); patterns and the
            lengths of clothes are measured on it.
        regions: Where on the body each vertex lies.
        forms: Name of each group, to the surface that skin, clothes or hair are made from.
    """

    def __init__(self) -> None:
        self._anny = load_anny()
        self.bones: tuple[str, ...] = tuple(self._anny.bone_labels)
        groups = base_mesh_groups()
        self.groups = {name: _triangles(groups[group]) for name, group in GROUPS.items()}
        heaviest = self._anny.vertex_bone_weights.argmax(dim=1, keepdim=True)
        dominant_bone = self._anny.vertex_bone_indices.gather(1, heaviest)[:, 0].numpy().astype(np.int64)
        self._regressors = _joint_regressors(self._anny)
        self._all_faces = np.concatenate(list(self.groups.values()))
        average = self.pose({}, {})
        self.rest = average.vertices
        self.regions = Regions.of(average.vertices, average.joints, dominant_bone, self.bones)
        self.forms = {name: Form.of(faces, self.regions) for name, faces in self.groups.items()}

    def pose(self, phenotype: Mapping[str, float], rotations: Mapping[str, np.ndarray]) -> Body:
        """Shape and pose a body.

        Args:
            phenotype: Values of some of :data:`PHENOTYPES`; the others are 0.5.
            rotations: Name of a bone, to a rotation vector in radians, about the axes of the body frame as they stand
                in the reference pose (x to the left, y to the back, z up), before the bones above it move. Bones
                without one stay as they are in the reference pose.

        Raises:
            InputError: For an unknown phenotype or bone, or an age below :data:`YOUNGEST`.
        """
        if phenotype.get('age', 1.0) < YOUNGEST:
            raise InputError(f'age {phenotype["age"]} is a baby; the least age is {YOUNGEST:.3f}')
        for name in phenotype:
            if name not in PHENOTYPES:
                raise InputError(f'unknown phenotype {name!r}; nearest: {nearest(name, PHENOTYPES)}')
        pose = torch.eye(4, dtype=torch.float64).repeat(1, len(self.bones), 1, 1)
        for bone, rotation in rotations.items():
            if bone not in self.bones:
                raise InputError(f'unknown bone {bone!r}; nearest: {nearest(bone, self.bones)}')
            pose[0, self.bones.index(bone), :3, :3] = torch.from_numpy(_rotation_matrix(np.asarray(rotation)))
        with torch.no_grad():
            output = self._anny(pose_parameters=pose, phenotype_kwargs=dict(phenotype))
        # Rounded, so that another processor's last bits do not change a pixel.
        vertices = np.round(output['vertices'][0].numpy() / _GRID) * _GRID
        joints = np.stack([(weights[:, None] * vertices[index]).sum(axis=0) for index, weights in self._regressors])
        return Body(vertices, np.round(joints, 6), vertex_normals(vertices, self._all_faces))


def _triangles(quads: np.ndarray) -> np.ndarray:
    """Split quadrilaterals; (Q, 4) to (2Q, 3)."""
    return quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)


def _rotation_matrix(vector: np.ndarray) -> np.ndarray:
    """Turn a rotation vector into a matrix by Rodrigues' formula; (3,) radians to (3, 3) float64."""
    angle = float(np.sqrt((vector * vector).sum()))
    if angle == 0:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    outer = np.outer([x, y, z], [x, y, z])
    return np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * outer


def _joint_regressors(model: torch.nn.Module) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read which vertices each COCO joint is a weighted mean of: indices and weights, joint by joint."""
    import anny

    regressor = anny.KeypointsRegressor.coco(model, labels=list(COCO_JOINTS))
    found = []
    for row in regressor.regression_weights.numpy():
        index = np.flatnonzero(row)
        found.append((index, row[index] / row[index].sum()))
    return found
