"""Triangle meshes: a surface in the world, which body part each face belongs to, and what it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from posescope.data.body_parts import OCCLUDER
from posescope.data.rendering.patterns import Pattern


@dataclass(frozen=True)
class Material:
    """What a surface is made of.

    Attributes:
        albedo: Linear red, green and blue that it reflects, 0 to 1.
        pattern: What is printed or woven on it; none means plain.
        gloss: Strength of the highlight, 0 (cloth) to 1 (polished).
        two_sided: Whether the inside of the surface can be seen. False lets the rasteriser skip faces that look away,
            which is right for closed surfaces only.
        name: What it is, such as ``'skin'``; for tests and for reading, no effect on the picture.
    """

    albedo: tuple[float, float, float]
    pattern: Pattern | None = None
    gloss: float = 0.0
    two_sided: bool = True
    name: str = ''


@dataclass(frozen=True)
class Mesh:
    """A surface in the world.

    Attributes:
        vertices: (V, 3) float64, metres.
        faces: (F, 3) int64, indices of vertices; counter-clockwise seen from outside.
        normals: (V, 3) float64 unit vectors that point outwards.
        part: (F,) uint8, values of :data:`posescope.data.body_parts.BODY_PARTS`, or ``OCCLUDER`` for objects.
        material: (F,) int64, indices of materials.
        texture: (V, 3) float64, metres: where patterns are evaluated; it does not move with the vertices.
        materials: What faces are made of.
    """

    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray
    part: np.ndarray
    material: np.ndarray
    texture: np.ndarray
    materials: tuple[Material, ...]

    @classmethod
    def of_object(cls, vertices: np.ndarray, faces: np.ndarray, material: Material) -> Mesh:
        """Make a mesh of one material that stands for an object, not for a person.

        Args:
            vertices: (V, 3) metres. Faces that share a vertex are shaded smoothly: repeat vertices at sharp edges.
            faces: (F, 3) int, counter-clockwise seen from outside.
            material: What all of it is made of.
        """
        vertices = np.asarray(vertices, dtype=np.float64)
        faces = np.asarray(faces, dtype=np.int64)
        return cls(
            vertices=vertices,
            faces=faces,
            normals=vertex_normals(vertices, faces),
            part=np.full(len(faces), OCCLUDER, dtype=np.uint8),
            material=np.zeros(len(faces), dtype=np.int64),
            texture=vertices.copy(),
            materials=(material,),
        )

    @classmethod
    def merged(cls, meshes: Sequence[Mesh]) -> Mesh:
        """Join meshes into one, in the order given."""
        vertex_offsets = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
        material_offsets = np.cumsum([0, *(len(mesh.materials) for mesh in meshes)])
        return cls(
            vertices=np.concatenate([mesh.vertices for mesh in meshes]),
            faces=np.concatenate([mesh.faces + offset for mesh, offset in zip(meshes, vertex_offsets, strict=False)]),
            normals=np.concatenate([mesh.normals for mesh in meshes]),
            part=np.concatenate([mesh.part for mesh in meshes]),
            material=np.concatenate(
                [mesh.material + offset for mesh, offset in zip(meshes, material_offsets, strict=False)]
            ),
            texture=np.concatenate([mesh.texture for mesh in meshes]),
            materials=tuple(material for mesh in meshes for material in mesh.materials),
        )

    def transformed(self, rotation: np.ndarray, translation: np.ndarray) -> Mesh:
        """Turn the mesh about the origin, then move it; patterns go with it.

        Args:
            rotation: (3, 3) rotation matrix.
            translation: (3,) metres.
        """
        return replace(
            self,
            vertices=rotate(self.vertices, rotation) + np.asarray(translation, dtype=np.float64),
            normals=rotate(self.normals, rotation),
        )


def rotate(points: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Turn points about the origin.

    It is written out because a matrix product may round differently from one machine to the next.

    Args:
        points: (N, 3).
        rotation: (3, 3) rotation matrix.

    Returns:
        (N, 3) float64.
    """
    x, y, z = np.asarray(points, dtype=np.float64).T
    return np.stack([row[0] * x + row[1] * y + row[2] * z for row in np.asarray(rotation, dtype=np.float64)], axis=1)


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Average the normals of the faces around each vertex, weighted by area.

    Args:
        vertices: (V, 3).
        faces: (F, 3) int.

    Returns:
        (V, 3) float64 unit vectors; zero for a vertex without faces.
    """
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    face_normals = np.cross(b - a, c - a)
    normals = np.stack(
        [
            np.bincount(faces.ravel(), weights=np.repeat(face_normals[:, axis], 3), minlength=len(vertices))
            for axis in range(3)
        ],
        axis=1,
    )
    length = np.sqrt((normals * normals).sum(axis=1, keepdims=True))
    return normals / np.maximum(length, 1e-12)
