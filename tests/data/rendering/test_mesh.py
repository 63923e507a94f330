import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from posescope.data.body_parts import OCCLUDER
from posescope.data.rendering.mesh import Material, Mesh, rotate, vertex_normals

RED, BLUE = Material((0.8, 0.1, 0.1), name='red'), Material((0.1, 0.1, 0.8), name='blue')
CORNERS = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
TETRAHEDRON = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])


def test_normals_of_a_regular_tetrahedron_point_at_its_corners() -> None:
    expected = CORNERS / np.sqrt(3)
    assert vertex_normals(CORNERS, TETRAHEDRON) == pytest.approx(expected)
    assert vertex_normals(np.vstack([CORNERS, [[9.0, 9, 9]]]), TETRAHEDRON)[4] == pytest.approx(0)


def test_rotation_is_scipys() -> None:
    turn = Rotation.from_rotvec([0.3, -1.2, 0.7])
    assert rotate(CORNERS, turn.as_matrix()) == pytest.approx(turn.apply(CORNERS))


def test_transforming_moves_all_but_the_texture() -> None:
    mesh = Mesh.of_object(CORNERS, TETRAHEDRON, RED)
    turn = Rotation.from_rotvec([0.3, -1.2, 0.7])
    moved = mesh.transformed(turn.as_matrix(), np.array([1.0, 2, 3]))
    assert moved.vertices == pytest.approx(turn.apply(CORNERS) + np.array([1, 2, 3]))
    assert moved.normals == pytest.approx(vertex_normals(moved.vertices, TETRAHEDRON))
    assert np.array_equal(moved.texture, CORNERS)
    assert np.array_equal(mesh.vertices, CORNERS)
    assert (mesh.part == OCCLUDER).all()


def test_merging_keeps_every_face_and_its_material() -> None:
    parts = [Mesh.of_object(CORNERS + 5 * index, TETRAHEDRON, (RED, BLUE)[index % 2]) for index in range(3)]
    merged = Mesh.merged(parts)
    expected = np.concatenate([part.vertices[part.faces] for part in parts])
    assert np.array_equal(merged.vertices[merged.faces], expected)
    assert [merged.materials[index].name for index in merged.material[::4]] == ['red', 'blue', 'red']
