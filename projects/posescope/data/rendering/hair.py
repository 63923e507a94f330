"""Hair and hats: shells over the skull, and strands that hang."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from posescope.data.body_parts import BODY_PARTS
from posescope.data.rendering.body import Body, BodyModel
from posescope.data.rendering.cutting import cut
from posescope.data.rendering.forms import Form
from posescope.data.rendering.mesh import Material, Mesh
from posescope.data.rendering.patterns import RGB, Locks, value_noise

HAT_EDGE = ((-0.15, 0.06), (0.690, 0.655))
"""y and z of a hat's edge in the reference pose, metres, seen from the side."""

HAIRLINE = (
    # y and z in the reference pose, metres, seen from the side: forehead, temple, before the ear, over it, nape.
    (-0.150, -0.115, -0.088, -0.074, -0.052, -0.046, -0.016, -0.008, 0.030, 0.060),
    (0.7120, 0.7080, 0.6950, 0.6600, 0.6350, 0.6560, 0.6540, 0.6120, 0.5760, 0.5740),
)


@dataclass(frozen=True)
class Hair:
    """How hair is worn.

    Attributes:
        style: ``'bald'``, ``'cropped'``, ``'short'``, ``'bun'``, ``'ponytail'`` or ``'long'``.
        colour: Linear RGB.
        volume: How far it stands off the skull, metres.
        length: Rest-pose z of the ends of long hair, metres: 0.54 is at the chin, 0.3 on the chest.
        fringe: Whether hair falls over the forehead.
        receding: How far the hairline has gone back, metres.
        seed: Which locks.
    """

    style: str
    colour: RGB
    volume: float = 0.012
    length: float = 0.45
    fringe: bool = False
    receding: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Hat:
    """A beanie or a cap.

    Attributes:
        colour: Linear RGB.
        brim: Length of the brim, metres; 0 for a beanie.
    """

    colour: RGB
    brim: float = 0.0


def grow(body: Body, model: BodyModel, hair: Hair, under_hat: bool = False) -> list[Mesh]:
    """Make the hair of a posed body.

    Args:
        body: The posed body.
        model: The model it came from.
        hair: How it is worn.
        under_hat: Whether to leave out what a hat would hide.

    Returns:
        Meshes whose faces are all of the part ``hair``; none for a bald head.
    """
    if hair.style == 'bald':
        return []
    red, green, blue = hair.colour
    streaks = Locks((0.6 * red, 0.6 * green, 0.6 * blue), period=0.008, width=0.5, contrast=0.0, seed=hair.seed)
    material = Material(hair.colour, streaks, gloss=0.25, name='hair')
    meshes = [_shell(body, model, hair, material)]
    if hair.style == 'long' or hair.fringe:
        meshes.append(_strands(body, model, hair, material))
    if hair.style in ('bun', 'ponytail'):
        meshes.append(_knot(body, model, hair, material))
    if under_hat:
        meshes = [cut(mesh, np.interp(mesh.texture[:, 1], *HAT_EDGE) + 0.01 - mesh.texture[:, 2]) for mesh in meshes]
    return meshes


def put_on(body: Body, model: BodyModel, hat: Hat) -> list[Mesh]:
    """Make a hat on a posed body; all its faces are of the part ``headwear``."""
    form = model.forms['body']
    _, y, z = form.rest.T
    above = z - np.interp(y, *HAT_EDGE)
    material = Material(hat.colour, gloss=0.02, name='hat')
    push = 0.022 + 0.004 * np.clip(above / 0.05, 0, 1)
    shell = cut(form.mesh(body.vertices, body.normals, material, push, part=BODY_PARTS['headwear']), above)
    if not hat.brim:
        return [shell]
    angle = np.linspace(-1.15, 1.15, 15)
    inner = np.stack([0.092 * np.sin(angle), -0.045 - 0.115 * np.cos(angle), np.full(15, 0.694)], axis=1)
    reach = hat.brim * np.cos(angle) ** 0.5
    outer = inner + np.stack([0.1 * reach * np.sin(angle), -reach, -0.28 * reach], axis=1)
    faces = _ribbon(15)
    return [shell, _attached(body, model, np.concatenate([inner, outer]), faces, material, BODY_PARTS['headwear'])]


def _above_hairline(form: Form, receding: float) -> np.ndarray:
    """Tell how far above the hairline each vertex of the body lies; (n,) metres."""
    _, y, z = form.rest.T
    line = np.interp(y, *HAIRLINE) + receding * np.clip((-0.02 - y) / 0.06, 0, 1)
    return z - line


def _shell(body: Body, model: BodyModel, hair: Hair, material: Material) -> Mesh:
    """Make the hair that covers the skull."""
    form = model.forms['body']
    above = _above_hairline(form, hair.receding)
    volume = {'cropped': 0.003, 'bun': 0.006, 'ponytail': 0.006}.get(hair.style, hair.volume)
    locks = 0.6 + 0.8 * value_noise(form.rest * np.array([60.0, 60.0, 30.0]), hair.seed)
    push = 0.002 + volume * np.clip(above / 0.03, 0, 1) * locks
    mesh = form.mesh(body.vertices, body.normals, material, np.maximum(push, 0), part=BODY_PARTS['hair'])
    return cut(mesh, above)


def _strands(body: Body, model: BodyModel, hair: Hair, material: Material) -> Mesh:
    """Make the hair that hangs: to the sides and the back if it is long, and over the forehead as a fringe."""
    form = model.forms['hair']
    fringe = _is_fringe(form)
    z = form.rest[:, 2]
    ends = np.where(fringe, 0.678 if hair.fringe else np.inf, hair.length if hair.style == 'long' else np.inf)
    ragged = 0.012 * value_noise(form.rest * 90.0, hair.seed + 7)
    finite = np.isfinite(ends)
    value = np.where(finite, z - np.where(finite, ends, 0.0) - ragged, -1.0)
    outer = form.mesh(body.vertices, body.normals, material, 0.004, part=BODY_PARTS['hair'])
    # A second layer, moved sideways by half a strand, closes the gaps between the strands of the first.
    inner = form.mesh(body.vertices, body.normals, material, 0.001, part=BODY_PARTS['hair'])
    sideways = np.cross(outer.normals, [0.0, 0.0, 1.0])
    inner = replace(inner, vertices=inner.vertices + 0.016 * sideways)
    return Mesh.merged([cut(layer, value) for layer in (outer, inner)])


def _is_fringe(form: Form) -> np.ndarray:
    """Mark the strands that hang before the face: (n,) bool."""
    count = len(form.index)
    edges = coo_matrix(
        (np.ones(form.faces.size), (form.faces.ravel(), np.roll(form.faces, 1, axis=1).ravel())), shape=(count, count)
    )
    _, strand = connected_components(edges, directed=False)
    lowest, furthest_back = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(lowest, strand, form.rest[:, 2])
    np.maximum.at(furthest_back, strand, form.rest[:, 1])
    return ((lowest > 0.5) & (furthest_back < -0.05))[strand]


def _knot(body: Body, model: BodyModel, hair: Hair, material: Material) -> Mesh:
    """Make a bun or a ponytail: an ellipsoid at the back of the head."""
    if hair.style == 'bun':
        centre, size = np.array([0.0, 0.085, 0.700]), np.array([0.038, 0.034, 0.036])
    else:
        centre, size = np.array([0.0, 0.100, 0.620]), np.array([0.026, 0.026, 0.095])
    rows, columns = 9, 14
    up = np.linspace(0, np.pi, rows)[:, None]
    round_about = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None, :]
    ball = np.stack(
        [np.sin(up) * np.cos(round_about), np.sin(up) * np.sin(round_about), np.cos(up) + 0 * round_about], axis=-1
    )
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns), indexing='ij')
    a, b = row * columns + column, row * columns + (column + 1) % columns
    quads = np.stack([a, a + columns, b + columns, b], axis=-1).reshape(-1, 4)
    faces = quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    return _attached(body, model, centre + size * ball.reshape(-1, 3), faces, material, BODY_PARTS['hair'])


def _attached(body: Body, model: BodyModel, rest: np.ndarray, faces: np.ndarray, material: Material, part: int) -> Mesh:
    """Fix something to the head: given where it is on the average body in the reference pose, move it with the skull.

    The skull's motion is the similarity that fits its vertices best (Umeyama 1991), rounded so that another
    processor's last bits do not change a pixel.
    """
    form = model.forms['body']
    skull = (form.rest[:, 2] > 0.62) & (form.part_of_vertex == BODY_PARTS['head'])
    start, end = form.rest[skull], body.vertices[form.index[skull]]
    start_mean, end_mean = start.mean(axis=0), end.mean(axis=0)
    start, end = start - start_mean, end - end_mean
    u, values, v = np.linalg.svd(end.T @ start)
    flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ v))])
    scale = (values * flip).sum() / (start**2).sum()
    rotation = np.round((u * flip) @ v * scale, 6)
    vertices = np.round((rest - start_mean) @ rotation.T + end_mean, 5)
    mesh = Mesh.of_object(vertices, faces, material)
    return replace(mesh, part=np.full(len(faces), part, dtype=np.uint8), texture=rest)


def _ribbon(count: int) -> np.ndarray:
    """Join two rows of ``count`` points each by triangles; (2 (count - 1), 3) int64."""
    first = np.arange(count - 1)
    return np.concatenate(
        [
            np.stack([first, first + count, first + 1], axis=1),
            np.stack([first + 1, first + count, first + count + 1], axis=1),
        ]
    )
