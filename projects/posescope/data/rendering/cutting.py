"""Cutting a mesh along a line, as scissors cut cloth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posescope.data.rendering.mesh import Mesh


def cut(mesh: Mesh, value: np.ndarray) -> Mesh:
    """Keep the part of a mesh where a value is not negative; faces that the line crosses are cut in two.

    Args:
        mesh: The surface.
        value: (V,) float64, one for each vertex; linear across faces.

    Returns:
        The remaining mesh, without vertices that nothing uses.
    """
    inside = value >= 0
    count = inside[mesh.faces].sum(axis=1)
    partly = np.flatnonzero((count == 1) | (count == 2))
    pieces, origin = [mesh.faces[count == 3]], [np.flatnonzero(count == 3)]
    sources = [np.stack([np.arange(len(value)), np.arange(len(value)), np.zeros(len(value))], axis=1)]
    next_vertex = len(value)
    for alone in (True, False):
        # One corner differs from the two others: turn each face so that this corner comes first.
        chosen = partly[count[partly] == (1 if alone else 2)]
        if not len(chosen):
            continue
        corners = mesh.faces[chosen]
        first = np.argmax(inside[corners] == alone, axis=1)
        a, b, c = (corners[np.arange(len(chosen)), (first + turn) % 3] for turn in range(3))
        ab = next_vertex + np.arange(len(chosen))
        ac = ab + len(chosen)
        next_vertex += 2 * len(chosen)
        sources += [_between(a, b, value), _between(a, c, value)]
        if alone:
            pieces.append(np.stack([a, ab, ac], axis=1))
            origin.append(chosen)
        else:
            pieces += [np.stack([ab, b, c], axis=1), np.stack([ab, c, ac], axis=1)]
            origin += [chosen, chosen]
    faces, source = np.concatenate(pieces), np.concatenate(sources)
    used, faces = np.unique(faces, return_inverse=True)
    source, face = source[used], np.concatenate(origin)
    normals = _carry(mesh.normals, source)
    length = np.sqrt((normals * normals).sum(axis=1, keepdims=True))
    return replace(
        mesh,
        vertices=_carry(mesh.vertices, source),
        faces=faces.reshape(-1, 3).astype(np.int64),
        normals=normals / np.maximum(length, 1e-12),
        part=mesh.part[face],
        material=mesh.material[face],
        texture=_carry(mesh.texture, source),
    )


def _carry(values: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Take values at the places that ``source`` (V', 3) describes, see :func:`_between`; (V, C) to (V', C)."""
    start, end, share = source[:, 0].astype(np.int64), source[:, 1].astype(np.int64), source[:, 2:]
    return values[start] * (1 - share) + values[end] * share


def _between(a: np.ndarray, b: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Find where the value is zero on edges.

    It is always reckoned from the lower index, so that two faces that share an edge get the same point.

    Args:
        a: (N,) int, vertices at one end.
        b: (N,) int, vertices at the other end.
        value: (V,).

    Returns:
        (N, 3): the two vertices, and how far the place is from the first (0) to the second (1).
    """
    low, high = np.minimum(a, b), np.maximum(a, b)
    share = value[low] / (value[low] - value[high])
    return np.stack([low, high, share], axis=1)
