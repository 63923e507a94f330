"""Shadows: what a light far away does not reach, because something stands in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posescope.data.rendering.mesh import Mesh
from posescope.data.rendering.rasteriser import Camera, rasterise

_FAR = 60.0
"""Metres from the scene to the stand-in for the light; the rays that leave it are parallel within a few degrees."""


@dataclass(frozen=True)
class ShadowMap:
    """The scene as the light sees it: what the light sees is lit, all else is in the shadow.

    Attributes:
        camera: Stands where the light comes from.
        depth: (S, S) float64 metres from the light to what it meets first.
        softness: Half width of the soft edge of a shadow, metres.
    """

    camera: Camera
    depth: np.ndarray
    softness: float

    @classmethod
    def cast(
        cls, meshes: Sequence[Mesh], direction: Sequence[float], softness: float = 0.01, size: int = 320
    ) -> ShadowMap:
        """Draw the scene from the light.

        Args:
            meshes: Everything that casts a shadow; at least one.
            direction: (3,) unit vector towards the light, not straight up.
            softness: Half width of the soft edge, metres: 0.01 for the sun, more for a lamp or clouds.
            size: Samples along each side of the map.
        """
        low = np.min([mesh.vertices.min(axis=0) for mesh in meshes], axis=0)
        high = np.max([mesh.vertices.max(axis=0) for mesh in meshes], axis=0)
        middle = (low + high) / 2
        radius = float(np.sqrt(((high - low) ** 2).sum())) / 2 + 0.05
        position = middle + _FAR * np.asarray(direction, dtype=np.float64)
        camera = Camera.looking_at(size, size, size / 2 * _FAR / radius, position, middle)
        return cls(camera, rasterise(meshes, camera, 1).depth, softness)

    def lit(self, points: np.ndarray, normals: np.ndarray | None = None) -> np.ndarray:
        """Tell how much of the light reaches points.

        Args:
            points: (N, 3) in the world, metres.
            normals: (N, 3) of the surfaces that the points lie on; they are asked a little above the surface, so that
                it does not shadow itself.

        Returns:
            (N,) float64: 0 in the shadow, 1 in the light.
        """
        if normals is not None:
            points = points + 0.02 * normals
        x, y, depth = self.camera.project(points).T
        spread = max(self.softness * self.camera.focal / _FAR, 0.5)
        offsets = ((-1, -1), (-1, 1), (1, -1), (1, 1), (0, 0), (0, -1.5), (0, 1.5), (-1.5, 0), (1.5, 0))
        size = self.depth.shape[0]
        total = np.zeros(len(points))
        for right, down in offsets:
            column = np.floor(x + right * spread + 0.5)
            row = np.floor(y + down * spread + 0.5)
            outside = (column < 0) | (column >= size) | (row < 0) | (row >= size)
            nearest = self.depth[
                np.clip(row, 0, size - 1).astype(np.int64), np.clip(column, 0, size - 1).astype(np.int64)
            ]
            total += outside | (nearest > depth - 0.012)
        return total / len(offsets)


def ground_points(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Find where the ray through each pixel meets the ground (z = 0).

    Returns:
        (H, W, 3) points in metres, and (H, W) bool: whether the ray meets the ground in front of the camera, within
        100 m; other points mean nothing.
    """
    centre_x, centre_y = camera.centre
    right, down = np.meshgrid(
        (np.arange(camera.width) - centre_x) / camera.focal, (np.arange(camera.height) - centre_y) / camera.focal
    )
    axes = np.asarray(camera.rotation, dtype=np.float64)
    ray = right[..., None] * axes[0] + down[..., None] * axes[1] + axes[2]
    falls = ray[..., 2] < -1e-6
    distance = -camera.position[2] / np.where(falls, ray[..., 2], -1.0)
    return camera.position + distance[..., None] * ray, falls & (distance > 0) & (distance < 100)


def ground_shadow(camera: Camera, shadows: ShadowMap) -> np.ndarray:
    """Tell how much of the key light reaches the ground seen at each pixel; (H, W) float64, 1 where no ground is."""
    points, on_ground = ground_points(camera)
    lit = np.ones(on_ground.shape)
    lit[on_ground] = shadows.lit(points[on_ground])
    return lit


def contact_shade(camera: Camera, meshes: Sequence[Mesh], reach: float = 0.35) -> np.ndarray:
    """Tell how much sky the ground sees at each pixel: feet and things that stand on it darken it around them.

    Args:
        camera: Where the ground is seen from.
        meshes: What stands on the ground.
        reach: Metres over which the darkening fades out.

    Returns:
        (H, W) float64 from about 0.4 (right below) to 1 (in the open, or no ground).
    """
    points, on_ground = ground_points(camera)
    cell = 0.05
    low = np.min([mesh.vertices.min(axis=0) for mesh in meshes], axis=0)[:2] - reach
    high = np.max([mesh.vertices.max(axis=0) for mesh in meshes], axis=0)[:2] + reach
    shape = tuple(np.minimum(np.ceil((high - low) / cell).astype(np.int64) + 1, 400))
    cover = np.zeros(shape)
    for mesh in meshes:
        near = mesh.vertices[mesh.vertices[:, 2] < reach]
        place = np.clip(np.floor((near[:, :2] - low) / cell).astype(np.int64), 0, np.array(shape) - 1)
        np.maximum.at(cover, (place[:, 0], place[:, 1]), 1 - np.maximum(near[:, 2], 0) / reach)
    for axis in (0, 1):
        for _ in range(3):
            cover = (cover + np.roll(cover, 1, axis) + np.roll(cover, -1, axis)) / 3
    place = (points[on_ground][:, :2] - low) / cell - 0.5
    inside = ((place >= 0) & (place < np.array(shape) - 1)).all(axis=1)
    lower = np.floor(place[inside]).astype(np.int64)
    (x, y), (u, v) = lower.T, (place[inside] - lower).T
    blend = (cover[x, y] * (1 - u) + cover[x + 1, y] * u) * (1 - v)
    blend = blend + (cover[x, y + 1] * (1 - u) + cover[x + 1, y + 1] * u) * v
    value = np.ones(len(place))
    value[inside] = 1 - 0.6 * blend
    shade = np.ones(on_ground.shape)
    shade[on_ground] = value
    return shade
