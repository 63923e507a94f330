import numpy as np
import pytest

from posescope.data.rendering.cutting import cut
from posescope.data.rendering.mesh import Material, Mesh


def sheet(count: int = 8) -> Mesh:
    """The unit square in x and z."""
    x, z = np.meshgrid(np.linspace(0, 1, count), np.linspace(0, 1, count))
    index = np.arange(x.size).reshape(x.shape)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3)
    return Mesh.of_object(np.stack([x, 0 * x, z], axis=-1).reshape(-1, 3), faces, Material((0.5, 0.5, 0.5)))


def area(mesh: Mesh) -> float:
    a, b, c = (mesh.vertices[mesh.faces[:, corner]] for corner in range(3))
    return float(np.cross(b - a, c - a)[:, 1].sum()) / -2


@pytest.mark.parametrize(
    ('slope', 'offset', 'expected'), [(0.0, 0.3, 0.7), (0.5, 0.2, 0.55), (0.0, -1, 1), (0.0, 2, 0)]
)
def test_area_that_a_straight_cut_leaves(slope: float, offset: float, expected: float) -> None:
    """Right of the line x = offset + slope * z lies 1 - offset - slope / 2 of the square."""
    mesh = sheet()
    piece = cut(mesh, mesh.vertices[:, 0] - offset - slope * mesh.vertices[:, 2])
    assert area(piece) == pytest.approx(expected)
    assert (piece.vertices[:, 0] - offset - slope * piece.vertices[:, 2] >= -1e-12).all()
    assert len(np.unique(piece.faces)) == len(piece.vertices)


def test_two_pieces_meet_at_the_same_points() -> None:
    mesh = sheet()
    value = np.sin(5 * mesh.vertices[:, 0]) - mesh.vertices[:, 2]
    above, below = cut(mesh, value), cut(mesh, -value)
    assert area(above) + area(below) == pytest.approx(1)
    whole = set(map(tuple, mesh.vertices))
    new = [set(map(tuple, piece.vertices)) - whole for piece in (above, below)]
    assert len(new[0]) > 10
    assert new[0] == new[1]


def test_everything_else_is_carried_along() -> None:
    mesh = sheet()
    piece = cut(mesh, mesh.vertices[:, 0] - 0.33)
    assert piece.texture == pytest.approx(piece.vertices)
    assert np.linalg.norm(piece.normals, axis=1) == pytest.approx(1)
    assert len(piece.part) == len(piece.material) == len(piece.faces)
