"""Light: from what is seen at each sample to the colours of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posescope.data.rendering.mesh import Mesh
from posescope.data.rendering.patterns import RGB
from posescope.data.rendering.rasteriser import Camera, Fragments
from posescope.data.rendering.shadows import ShadowMap


@dataclass(frozen=True)
class Light:
    """A light that is far away.

    Attributes:
        direction: Unit vector in the world that points towards the light.
        colour: Linear RGB, strength included.
    """

    direction: tuple[float, float, float]
    colour: RGB


@dataclass(frozen=True)
class Lighting:
    """All light of a scene.

    Attributes:
        key: The sun, or the brightest lamp; the only light that casts shadows.
        sky: Linear RGB that reaches a surface from above.
        ground: Linear RGB that reaches a surface from below.
        fill: Lights that brighten the shadows.
        exposure: What colours are multiplied by at the end.
    """

    key: Light
    sky: RGB = (0.45, 0.5, 0.55)
    ground: RGB = (0.25, 0.23, 0.2)
    fill: tuple[Light, ...] = ()
    exposure: float = 1.0


def shade(
    fragments: Fragments,
    meshes: Sequence[Mesh],
    camera: Camera,
    lights: Lighting,
    background: np.ndarray,
    shadows: ShadowMap | None = None,
) -> np.ndarray:
    """Light a picture.

    Args:
        fragments: What is seen at each sample.
        meshes: The same meshes that were rasterised.
        camera: The same camera.
        lights: All light.
        background: (H, W, 3) linear RGB behind the meshes, already lit; exposure is applied to it too.
        shadows: What the key light does not reach; none means that nothing casts a shadow.

    Returns:
        (H, W, 3) uint8 sRGB.
    """
    return to_srgb(shade_linear(fragments, meshes, camera, lights, background, shadows) * lights.exposure)


def shade_linear(
    fragments: Fragments,
    meshes: Sequence[Mesh],
    camera: Camera,
    lights: Lighting,
    background: np.ndarray,
    shadows: ShadowMap | None = None,
) -> np.ndarray:
    """Light a picture as :func:`shade` does, but without exposure and gamma: (H, W, 3) float64 linear RGB."""
    step = fragments.supersample
    colours = np.repeat(np.repeat(background, step, axis=0), step, axis=1).astype(np.float64)
    openness = ambient_openness(fragments, camera)
    for index, mesh in enumerate(meshes):
        rows, columns = np.nonzero(fragments.mesh == index)
        if len(rows):
            colours[rows, columns] = _shade_mesh(
                fragments, mesh, camera, lights, shadows, rows, columns, openness[rows, columns]
            )
    height, width = background.shape[:2]
    return colours.reshape(height, step, width, step, 3).mean(axis=(1, 3))


def to_srgb(linear: np.ndarray) -> np.ndarray:
    """Encode linear colours; highlights roll off softly above 0.8 instead of clipping.

    Args:
        linear: (..., 3) float64.

    Returns:
        (..., 3) uint8, IEC 61966-2-1.
    """
    linear = np.maximum(linear, 0)
    excess = np.maximum(linear - 0.8, 0)
    linear = np.minimum(linear, 0.8) + 0.2 * excess / (excess + 0.2)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)
    return np.floor(np.clip(encoded, 0, 1) * 255 + 0.5).astype(np.uint8)


def ambient_openness(fragments: Fragments, camera: Camera) -> np.ndarray:
    """Estimate how much of the sky each sample sees, from the depth of the samples around it.

    Places a few centimetres away that lie nearer to the camera hide part of the sky (screen-space ambient occlusion).
    It is estimated once a pixel, from the pixel's first sample.

    Returns:
        (h, w) float64 from 0.35 to 1.
    """
    step = fragments.supersample
    depth = fragments.depth[::step, ::step]
    seen = np.isfinite(depth)
    depth = np.where(seen, depth, 1e3)
    hidden = np.zeros_like(depth)
    if not seen.any():
        return np.ones_like(fragments.depth)
    scale = camera.focal / float(np.median(depth[seen]))
    directions = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
    radii = (0.03, 0.08)
    for radius in radii:
        reach = max(round(radius * scale), 1)
        for down, right in directions:
            nearer = depth - _shifted(depth, down * reach, right * reach)
            # Far nearer things (another person in front) hide nothing.
            hidden += np.clip(nearer / radius - 0.3, 0, 1) * (nearer < 4 * radius)
    openness = 1 - 0.65 * np.clip(hidden / (len(radii) * len(directions)) * 1.6, 0, 1)
    return np.repeat(np.repeat(openness, step, axis=0), step, axis=1)


def _shifted(values: np.ndarray, down: int, right: int) -> np.ndarray:
    """Fetch the value ``down`` rows and ``right`` columns away; at the border the last one repeats."""
    rows = np.clip(np.arange(values.shape[0]) + down, 0, values.shape[0] - 1)
    columns = np.clip(np.arange(values.shape[1]) + right, 0, values.shape[1] - 1)
    return values[rows][:, columns]


def _shade_mesh(
    fragments: Fragments,
    mesh: Mesh,
    camera: Camera,
    lights: Lighting,
    shadows: ShadowMap | None,
    rows: np.ndarray,
    columns: np.ndarray,
    openness: np.ndarray,
) -> np.ndarray:
    """Light the samples that show one mesh; (N,) rows, columns and openness to (N, 3) linear RGB."""
    face, weights = fragments.face[rows, columns], fragments.barycentric[rows, columns]
    points = _interpolate(mesh.vertices, mesh.faces[face], weights)
    normals = _interpolate(mesh.normals, mesh.faces[face], weights)
    texture = _interpolate(mesh.texture, mesh.faces[face], weights)
    view = _unit(camera.position - points)
    normals = _unit(normals)
    # The inside of an open surface is lit as the side that is seen.
    normals = np.where((normals * view).sum(axis=1, keepdims=True) < -0.2, -normals, normals)
    albedo, gloss = _surface(mesh, mesh.material[face], texture)
    up = 0.5 + 0.5 * normals[:, 2:3]
    light = (np.asarray(lights.sky) * up + np.asarray(lights.ground) * (1 - up)) * openness[:, None]
    reached = 1.0 if shadows is None else shadows.lit(points, normals)[:, None]
    highlight = np.zeros_like(light)
    for lamp, strength in ((lights.key, reached), *((lamp, 1.0) for lamp in lights.fill)):
        direction = np.asarray(lamp.direction, dtype=np.float64)
        facing = np.maximum((normals * direction).sum(axis=1, keepdims=True), 0)
        half = _unit(view + direction)
        glint = np.maximum((normals * half).sum(axis=1, keepdims=True), 0)
        light = light + np.asarray(lamp.colour) * facing * strength
        # glint to the 16th power (Blinn and Phong), by repeated squaring.
        highlight = highlight + np.asarray(lamp.colour) * strength * (facing > 0) * (((glint**2) ** 2) ** 2) ** 2
    return albedo * light + gloss[:, None] * 0.25 * highlight


def _surface(mesh: Mesh, material: np.ndarray, texture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Look up albedo (N, 3) and gloss (N,) of samples by their (N,) material and (N, 3) texture point."""
    albedo, gloss = np.zeros((len(material), 3)), np.zeros(len(material))
    for index in np.unique(material):
        chosen = np.flatnonzero(material == index)
        entry = mesh.materials[index]
        gloss[chosen] = entry.gloss
        plain = np.asarray(entry.albedo, dtype=np.float64)
        albedo[chosen] = plain if entry.pattern is None else entry.pattern.colours(texture[chosen], plain)
    return albedo, gloss


def _interpolate(values: np.ndarray, corners: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Blend the values of three vertices; values (V, 3), corners (N, 3) int, weights (N, 3) to (N, 3)."""
    return (
        values[corners[:, 0]] * weights[:, 0:1]
        + values[corners[:, 1]] * weights[:, 1:2]
        + values[corners[:, 2]] * weights[:, 2:3]
    )


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors to length one; (N, 3)."""
    x, y, z = vectors[:, 0], vectors[:, 1], vectors[:, 2]
    return vectors / np.maximum(np.sqrt(x * x + y * y + z * z), 1e-12)[:, None]
