"""Cameras, and the rasteriser: which face of which mesh is seen at each sample of a picture, and how far away it is.

Every number comes from elementwise IEEE arithmetic, so the same meshes give the same samples on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from posescope.data.rendering.mesh import Mesh, rotate

NEAR = 0.05
"""Metres in front of the camera below which nothing is drawn."""

_PAIRS_AT_ONCE = 1_500_000


@dataclass(frozen=True)
class Camera:
    """A pinhole camera. The centre of the top left pixel is at (0, 0), as in COCO joints and OpenCV.

    Attributes:
        width: Pixels.
        height: Pixels.
        focal: Focal length in pixels.
        position: (3,) metres in the world.
        rotation: (3, 3) from world to camera axes: x right, y down, z forward.
    """

    width: int
    height: int
    focal: float
    position: np.ndarray
    rotation: np.ndarray

    @classmethod
    def looking_at(
        cls, width: int, height: int, focal: float, position: np.ndarray, target: np.ndarray, roll: float = 0.0
    ) -> Camera:
        """Place a camera and point it.

        Args:
            width: Pixels.
            height: Pixels.
            focal: Pixels.
            position: (3,) metres in the world, where z is up.
            target: (3,) what is seen at the centre of the picture; not straight above or below.
            roll: Radians by which the camera is turned clockwise about its axis.
        """
        position = np.asarray(position, dtype=np.float64)
        forward = np.asarray(target, dtype=np.float64) - position
        forward = forward / np.sqrt((forward * forward).sum())
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right = right / np.sqrt((right * right).sum())
        down = np.cross(forward, right)
        turned_right = np.cos(roll) * right + np.sin(roll) * down
        turned_down = np.cos(roll) * down - np.sin(roll) * right
        # Rounded, because the last bits of sine and cosine differ between processors.
        rotation = np.round(np.stack([turned_right, turned_down, forward]), 12)
        return cls(width, height, float(focal), position, rotation)

    @property
    def centre(self) -> tuple[float, float]:
        """Where the camera's axis meets the picture, (x, y) pixels."""
        return (self.width - 1) / 2, (self.height - 1) / 2

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """Express world points in camera axes; (N, 3) to (N, 3), metres."""
        return rotate(np.asarray(points, dtype=np.float64) - self.position, self.rotation)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Project world points.

        Args:
            points: (N, 3) metres.

        Returns:
            (N, 3): x and y in pixels, and depth along the camera's axis in metres. Points at or behind the camera
            have a depth that is not positive, and x and y that mean nothing.
        """
        x, y, depth = self.to_camera(points).T
        safe = np.where(np.abs(depth) < 1e-9, 1e-9, depth)
        centre_x, centre_y = self.centre
        return np.stack([self.focal * x / safe + centre_x, self.focal * y / safe + centre_y, depth], axis=1)


@dataclass(frozen=True)
class Fragments:
    """What is seen at each sample; (h, w) are ``supersample`` times the picture's height and width.

    Sample (row, column) lies at picture x = (column + 0.5) / supersample - 0.5, y likewise.

    Attributes:
        depth: (h, w) float64, metres along the camera's axis; infinite where nothing is seen.
        mesh: (h, w) int64, index of the mesh, -1 for none.
        face: (h, w) int64, index of the face within its mesh, -1 for none.
        barycentric: (h, w, 3) float64, perspective-correct weights of the face's three corners; 0 for none.
        supersample: Samples per pixel along each axis.
    """

    depth: np.ndarray
    mesh: np.ndarray
    face: np.ndarray
    barycentric: np.ndarray
    supersample: int


def rasterise(meshes: Sequence[Mesh], camera: Camera, supersample: int = 2) -> Fragments:
    """Find the nearest surface at each sample of a picture.

    The edge functions are those of homogeneous rasterisation (Olano and Greer, *Triangle Scan Conversion using 2D
    Homogeneous Coordinates*, 1997), so faces that reach behind the camera need no clipping. Two faces that share an
    edge leave no gap: the edge function of one is exactly the negative of the other's.

    Args:
        meshes: What there is to see. Where two faces are equally near, the earlier mesh and face win.
        camera: Where it is seen from.
        supersample: Samples per pixel along each axis.
    """
    height, width = camera.height * supersample, camera.width * supersample
    depth = np.full(height * width, np.inf)
    winner = np.full(height * width, -1, dtype=np.int64)
    weights = np.zeros((height * width, 3))
    corners, mesh_of_face, face_in_mesh = _corners_in_sight(meshes, camera)
    edges = _edge_functions(corners, camera, supersample)
    boxes = _bounding_boxes(corners, camera, supersample)
    for face, column, row in _candidates(boxes):
        _keep_nearest(edges, width, face, column, row, depth, winner, weights)
    seen = winner >= 0
    mesh = np.where(seen, mesh_of_face[winner] if len(mesh_of_face) else -1, -1)
    face = np.where(seen, face_in_mesh[winner] if len(face_in_mesh) else -1, -1)
    shape = (height, width)
    return Fragments(
        depth.reshape(shape), mesh.reshape(shape), face.reshape(shape), weights.reshape(*shape, 3), supersample
    )


def _corners_in_sight(meshes: Sequence[Mesh], camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gather the faces that may be seen.

    Returns:
        (F, 3, 3) corners in camera axes, (F,) index of the mesh, (F,) index of the face within it.
    """
    corners, mesh_of_face, face_in_mesh = [np.zeros((0, 3, 3))], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for index, mesh in enumerate(meshes):
        triangles = camera.to_camera(mesh.vertices)[mesh.faces]
        in_front = (triangles[:, :, 2] > NEAR).any(axis=1)
        two_sided = np.array([material.two_sided for material in mesh.materials], dtype=bool)[mesh.material]
        a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
        # The camera is at the origin: a face looks at it where its corners span a positive volume clockwise.
        towards = (a * np.cross(b, c)).sum(axis=1) < 0
        kept = np.flatnonzero(in_front & (two_sided | towards))
        corners.append(triangles[kept])
        mesh_of_face.append(np.full(len(kept), index, dtype=np.int64))
        face_in_mesh.append(kept)
    return np.concatenate(corners), np.concatenate(mesh_of_face), np.concatenate(face_in_mesh)


def _edge_functions(corners: np.ndarray, camera: Camera, supersample: int) -> np.ndarray:
    """Compute, for each corner, a plane over sample columns and rows that is its weight divided by depth.

    A sample looks along r = ((x - cx) / f, (y - cy) / f, 1). The point z * r lies in the face a, b, c with weights w
    where [a b c] w = z r, hence w / z = [a b c]^-1 r, whose rows are the cross products of two corners.

    Args:
        corners: (F, 3, 3) in camera axes.
        camera: Gives f and (cx, cy).
        supersample: Samples per pixel.

    Returns:
        (F, 3, 4): slope along columns, slope along rows, value at sample (0, 0), all without the determinant so that
        shared edges match exactly, and the determinant.
    """
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    rows = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)
    determinant = (a * rows[:, 0]).sum(axis=1)
    centre_x, centre_y = camera.centre
    step = 1 / (supersample * camera.focal)
    first_x = ((0.5 / supersample - 0.5) - centre_x) / camera.focal
    first_y = ((0.5 / supersample - 0.5) - centre_y) / camera.focal
    value = rows[:, :, 0] * first_x + rows[:, :, 1] * first_y + rows[:, :, 2]
    return np.stack(
        [rows[:, :, 0] * step, rows[:, :, 1] * step, value, np.repeat(determinant[:, None], 3, axis=1)], axis=2
    )


def _bounding_boxes(corners: np.ndarray, camera: Camera, supersample: int) -> np.ndarray:
    """Bound each face by samples: first column, first row, columns, rows; (F, 4) int64."""
    following = corners[:, [1, 2, 0]]
    rise = following[:, :, 2] - corners[:, :, 2]
    crosses = (corners[:, :, 2] > NEAR) != (following[:, :, 2] > NEAR)
    share = np.where(crosses, (NEAR - corners[:, :, 2]) / np.where(crosses, rise, 1.0), 0.0)[:, :, None]
    points = np.concatenate([corners, corners + share * (following - corners)], axis=1)
    valid = np.concatenate([corners[:, :, 2] > NEAR, crosses], axis=1)
    depth = np.where(valid, np.maximum(points[:, :, 2], NEAR), 1.0)
    boxes = []
    for axis, size in ((0, camera.width * supersample), (1, camera.height * supersample)):
        place = camera.focal * points[:, :, axis] / depth + camera.centre[axis]
        sample = np.clip((place + 0.5) * supersample - 0.5, -1.0, size)
        # The margin covers rounding: a sample on the very edge of a face must reach the exact test.
        first = np.ceil(np.where(valid, sample, np.inf).min(axis=1, initial=size) - 1e-6)
        last = np.floor(np.where(valid, sample, -np.inf).max(axis=1, initial=-1) + 1e-6)
        first, last = np.maximum(first, 0), np.minimum(last, size - 1)
        boxes.append((first, np.maximum(last - first + 1, 0)))
    (column, columns), (row, rows) = boxes
    return np.stack([column, row, columns, rows], axis=1).astype(np.int64)


def _candidates(boxes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """List every sample in the box of every face, a bounded number at a time: face, column, row; each (P,) int64."""
    count = boxes[:, 2] * boxes[:, 3]
    faces = np.flatnonzero(count)
    total = np.cumsum(count[faces])
    start = 0
    while start < len(faces):
        done = total[start - 1] if start else 0
        end = max(int(np.searchsorted(total, done + _PAIRS_AT_ONCE, side='right')), start + 1)
        chunk = faces[start:end]
        face = np.repeat(chunk, count[chunk])
        place = np.arange(len(face)) - np.repeat(np.cumsum(count[chunk]) - count[chunk], count[chunk])
        down = place // boxes[face, 2]
        yield face, boxes[face, 0] + place - down * boxes[face, 2], boxes[face, 1] + down
        start = end


def _keep_nearest(
    edges: np.ndarray,
    width: int,
    face: np.ndarray,
    column: np.ndarray,
    row: np.ndarray,
    depth: np.ndarray,
    winner: np.ndarray,
    weights: np.ndarray,
) -> None:
    """Test candidates against their faces and against what was found before; updates depth, winner and weights."""
    sign = np.where(edges[:, 0, 3] < 0, -1.0, 1.0)
    inside = edges[face, 0, 3] != 0
    values = []
    for corner in range(3):
        slope_column, slope_row, first = edges[:, corner, 0], edges[:, corner, 1], edges[:, corner, 2]
        value = (slope_column[face] * column + slope_row[face] * row + first[face]) * sign[face]
        inside = inside & (value >= 0)
        values.append(value)
    kept = np.flatnonzero(inside)
    face, sample = face[kept], row[kept] * width + column[kept]
    over_depth = [value[kept] / np.abs(edges[face, 0, 3]) for value in values]
    total = over_depth[0] + over_depth[1] + over_depth[2]
    z = 1 / np.where(total > 0, total, 1.0)
    valid = (total > 0) & (z > NEAR)
    face, sample, z, over_depth = face[valid], sample[valid], z[valid], [value[valid] for value in over_depth]
    before = depth.copy()
    np.minimum.at(depth, sample, z)
    best = np.flatnonzero((z == depth[sample]) & (z < before[sample]))[::-1]
    # Of equal depths the last assignment wins, so the earliest face is assigned last.
    winner[sample[best]] = face[best]
    weights[sample[best]] = np.stack([value[best] * z[best] for value in over_depth], axis=1)
