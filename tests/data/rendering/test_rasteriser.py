import cv2
import numpy as np
import pytest

from posescope.data.rendering.mesh import Material, Mesh
from posescope.data.rendering.rasteriser import Camera, Fragments, rasterise

GREY = Material((0.5, 0.5, 0.5))
QUAD = np.array([[0, 1, 2], [0, 2, 3]])


def ahead(width: int = 64, height: int = 48, focal: float = 60.0) -> Camera:
    """A camera at the origin that looks along +y."""
    return Camera.looking_at(width, height, focal, np.zeros(3), np.array([0.0, 1.0, 0.0]))


def rectangle(x: tuple[float, float], z: tuple[float, float], y: float, material: Material = GREY) -> Mesh:
    """A rectangle that faces the camera."""
    corners = [[x[0], y, z[0]], [x[1], y, z[0]], [x[1], y, z[1]], [x[0], y, z[1]]]
    return Mesh.of_object(np.array(corners), QUAD, material)


def ball(radius: float, centre: np.ndarray, rows: int = 100) -> Mesh:
    up, around = np.meshgrid(np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, 2 * rows), indexing='ij')
    points = np.stack([np.sin(up) * np.cos(around), np.sin(up) * np.sin(around), np.cos(up)], axis=-1)
    index = np.arange(up.size).reshape(up.shape)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    faces = np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3)
    return Mesh.of_object(centre + radius * points.reshape(-1, 3), faces, GREY)


def sample_places(fragments: Fragments) -> tuple[np.ndarray, np.ndarray]:
    row, column = np.indices(fragments.depth.shape)
    return (column + 0.5) / fragments.supersample - 0.5, (row + 0.5) / fragments.supersample - 0.5


def test_projection_is_opencvs() -> None:
    rng = np.random.default_rng(0)
    camera = Camera.looking_at(320, 240, 310.0, np.array([1.0, -3.0, 1.4]), np.array([0.1, 0.2, 0.9]), roll=0.2)
    points = rng.uniform(-1, 1, (50, 3))
    matrix = np.array([[310.0, 0, 159.5], [0, 310.0, 119.5], [0, 0, 1]])
    rotation = cv2.Rodrigues(camera.rotation)[0]
    expected, _ = cv2.projectPoints(points, rotation, -camera.rotation @ camera.position, matrix, None)
    projected = camera.project(points)
    assert projected[:, :2] == pytest.approx(expected[:, 0], abs=1e-6)
    assert np.linalg.det(camera.rotation) == pytest.approx(1)
    assert camera.project(np.array([[0.1, 0.2, 0.9]]))[0, :2] == pytest.approx([159.5, 119.5])


def test_up_is_up_and_right_is_right() -> None:
    (right, up), centre = ahead().project(np.array([[1.0, 5, 0], [0, 5.0, 1]]))[:, :2], np.array([31.5, 23.5])
    assert right - centre == pytest.approx([12, 0])
    assert up - centre == pytest.approx([0, -12])


@pytest.mark.parametrize('supersample', [1, 2, 3])
def test_a_rectangle_covers_the_samples_that_lie_inside_it(supersample: int) -> None:
    camera = ahead()
    fragments = rasterise([rectangle((-0.53, 0.71), (-0.2, 0.37), 3.0)], camera, supersample)
    x, y = sample_places(fragments)
    inside = (np.abs(x - 31.5 - 20 * 0.09) < 20 * 0.62) & (y > 23.5 - 20 * 0.37) & (y < 23.5 + 20 * 0.2)
    assert np.array_equal(fragments.mesh == 0, inside)
    assert fragments.depth[inside] == pytest.approx(3.0)
    assert np.isinf(fragments.depth[~inside]).all()
    assert (fragments.face[~inside] == -1).all()


def test_area_of_a_sphere() -> None:
    """A sphere of radius r at distance d on the axis shows as a disc of radius f tan(asin(r / d))."""
    camera = ahead(200, 200, 300.0)
    fragments = rasterise([ball(0.4, np.array([0.0, 2.0, 0.0]))], camera)
    expected = np.pi * (300 * np.tan(np.arcsin(0.4 / 2.0))) ** 2
    assert (fragments.mesh == 0).sum() / 4 == pytest.approx(expected, rel=3e-3)
    assert fragments.depth.min() == pytest.approx(1.6, abs=1e-3)


def test_depth_and_weights_on_a_slanted_plane() -> None:
    """The plane n . p = c is met by the ray r at depth c / (n . r)."""
    normal, offset = np.array([0.5, -1.0, 0.6]), -3.0
    x, z = np.array([-9.0, 9, 9, -9]), np.array([-9.0, -9, 9, 9])
    y = (offset - normal[0] * x - normal[2] * z) / normal[1]
    mesh, camera = Mesh.of_object(np.stack([x, y, z], axis=1), QUAD, GREY), ahead()
    fragments = rasterise([mesh], camera)
    column, row = sample_places(fragments)
    ray = np.stack([(column - 31.5) / 60, np.ones_like(column), -(row - 23.5) / 60], axis=-1)
    expected = offset / (ray @ normal)
    seen = fragments.mesh == 0
    assert seen.mean() > 0.9
    assert fragments.depth[seen] == pytest.approx(expected[seen], rel=1e-9)
    corners = mesh.vertices[mesh.faces[fragments.face[seen]]]
    points = (corners * fragments.barycentric[seen][..., None]).sum(axis=1)
    assert points == pytest.approx((ray * expected[..., None])[seen], abs=1e-9)
    assert fragments.barycentric[seen].sum(axis=1) == pytest.approx(1)


def test_faces_that_share_edges_leave_no_gap() -> None:
    rng = np.random.default_rng(1)
    x, z = np.meshgrid(np.linspace(-3, 3, 41), np.linspace(-3, 3, 41))
    x[1:-1, 1:-1] += rng.uniform(-0.05, 0.05, (39, 39))
    z[1:-1, 1:-1] += rng.uniform(-0.05, 0.05, (39, 39))
    y = 2 + rng.uniform(-0.1, 0.1, x.shape)
    index = np.arange(x.size).reshape(x.shape)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3)
    mesh = Mesh.of_object(np.stack([x, y, z], axis=-1).reshape(-1, 3), faces, GREY)
    assert (rasterise([mesh], ahead(), 4).mesh == 0).all()


def test_ground_that_reaches_behind_the_camera() -> None:
    """From 1.5 m above, looking level, ground at picture height y lies f * 1.5 / (y - cy) ahead."""
    far = 1e4
    corners = np.array([[-far, -far, -1.5], [far, -far, -1.5], [far, far, -1.5], [-far, far, -1.5]])
    fragments = rasterise([Mesh.of_object(corners, QUAD, GREY)], ahead())
    _, y = sample_places(fragments)
    below = y > 23.5 + 60 * 1.5 / far
    assert np.array_equal(fragments.mesh == 0, below)
    assert fragments.depth[below] == pytest.approx((60 * 1.5 / (y - 23.5))[below], rel=1e-6)


def test_what_is_behind_or_too_near_is_not_drawn() -> None:
    for y in (-2.0, 0.01):
        assert (rasterise([rectangle((-1, 1), (-1, 1), y)], ahead()).mesh == -1).all()
    assert np.isinf(rasterise([], ahead()).depth).all()


def test_the_nearest_wins_and_of_equals_the_first() -> None:
    near, far = rectangle((-0.5, 0.5), (-9, 9), 2.0), rectangle((-9, 9), (-9, 9), 4.0)
    for meshes, front in (([near, far], 0), ([far, near], 1)):
        fragments = rasterise(meshes, ahead())
        x, _ = sample_places(fragments)
        assert np.array_equal(fragments.mesh == front, np.abs(x - 31.5) < 15)
        assert set(np.unique(fragments.depth.round(9))) == {2.0, 4.0}
    assert (rasterise([far, far], ahead()).mesh == 0).all()


def test_one_sided_faces_vanish_from_behind() -> None:
    one_sided = Material((0.5, 0.5, 0.5), two_sided=False)
    towards = rectangle((-9, 9), (-9, 9), 2.0, one_sided)
    away = Mesh.of_object(towards.vertices, towards.faces[:, ::-1], one_sided)
    assert (rasterise([towards], ahead()).mesh == 0).all()
    assert (rasterise([away], ahead()).mesh == -1).all()
    closed = ball(0.4, np.array([0.0, 2.0, 0.0]), 30)
    culled = Mesh.of_object(closed.vertices, closed.faces, one_sided)
    assert np.array_equal(rasterise([closed], ahead()).face, rasterise([culled], ahead()).face)


def test_many_candidates_are_taken_in_portions(monkeypatch) -> None:
    meshes = [rectangle((-9, 9), (-9, 9), 3.0 + index) for index in range(5)] + [ball(0.5, np.array([0, 2.0, 0]), 20)]
    whole = rasterise(meshes, ahead())
    monkeypatch.setattr('posescope.data.rendering.rasteriser._PAIRS_AT_ONCE', 1000)
    parts = rasterise(meshes, ahead())
    for name in ('depth', 'mesh', 'face', 'barycentric'):
        assert np.array_equal(getattr(whole, name), getattr(parts, name))
