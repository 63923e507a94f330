"""Forms: the surfaces of the base mesh that skin, clothes and hair are made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from posescope.data.rendering.mesh import Material, Mesh, vertex_normals
from posescope.data.rendering.regions import Regions


@dataclass(frozen=True)
class Form:
    """One group of the base mesh, with vertices numbered from 0.

    Attributes:
        index: (n,) int64, which vertices of the base mesh these are.
        faces: (F, 3) int64, indices of these vertices.
        part: (F,) uint8, values of ``BODY_PARTS``.
        part_of_vertex: (n,) uint8, likewise.
        arm: (n,) float64, how far along the arm; see :class:`Regions`.
        leg: (n,) float64, how far down the leg; see :class:`Regions`.
        rest: (n, 3) float64, metres, in the reference pose.
    """

    index: np.ndarray
    faces: np.ndarray
    part: np.ndarray
    part_of_vertex: np.ndarray
    arm: np.ndarray
    leg: np.ndarray
    rest: np.ndarray
    _neighbours: csr_matrix

    @classmethod
    def of(cls, faces: np.ndarray, regions: Regions) -> Form:
        """Take a group out of the base mesh.

        Args:
            faces: (F, 3) int, the group's faces by vertices of the base mesh.
            regions: Where each vertex of the base mesh lies.
        """
        index, local = np.unique(faces, return_inverse=True)
        local = local.reshape(-1, 3).astype(np.int64)
        return cls(
            index,
            local,
            regions.face_parts(faces),
            regions.part[index],
            regions.arm[index],
            regions.leg[index],
            regions.rest[index],
            _averaging(local, len(index)),
        )

    def mesh(
        self,
        vertices: np.ndarray,
        normals: np.ndarray,
        material: Material,
        push: np.ndarray | float = 0.0,
        smoothing: int = 0,
        part: int | None = None,
    ) -> Mesh:
        """Make a surface of this form as it lies on a posed body.

        Args:
            vertices: (V, 3) of the base mesh, posed; metres.
            normals: (V, 3) of the base mesh.
            material: What it is made of.
            push: (n,) or one number: metres by which it stands off the form.
            smoothing: How often each vertex moves half-way to the middle of its neighbours, to span hollows.
            part: Part of all faces, where it is not the part of the body that they cover.
        """
        place, outward = vertices[self.index], normals[self.index]
        if smoothing:
            for _ in range(smoothing):
                # Only outwards or inwards: along the surface, patterns and hems would be dragged out of line.
                move = self._neighbours @ place - place
                place = place + 0.5 * (move * outward).sum(axis=1, keepdims=True) * outward
            outward = vertex_normals(place, self.faces)
        if np.any(push):
            place = place + np.broadcast_to(push, len(place))[:, None] * outward
            outward = vertex_normals(place, self.faces)
        return Mesh(
            vertices=place,
            faces=self.faces,
            normals=outward,
            part=self.part if part is None else np.full(len(self.faces), part, dtype=np.uint8),
            material=np.zeros(len(self.faces), dtype=np.int64),
            texture=self.rest,
            materials=(material,),
        )


def _averaging(faces: np.ndarray, count: int) -> csr_matrix:
    """Make the (n, n) matrix that replaces each vertex by the mean of its neighbours."""
    start = np.concatenate([faces.ravel(), np.roll(faces, 1, axis=1).ravel()])
    end = np.concatenate([np.roll(faces, 1, axis=1).ravel(), faces.ravel()])
    pairs = np.unique(np.stack([start, end], axis=1), axis=0)
    degree = np.bincount(pairs[:, 0], minlength=count)
    return csr_matrix((1.0 / degree[pairs[:, 0]], (pairs[:, 0], pairs[:, 1])), shape=(count, count))
