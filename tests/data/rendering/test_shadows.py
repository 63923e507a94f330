import numpy as np
import pytest

from posescope.data.rendering.mesh import Material, Mesh
from posescope.data.rendering.rasteriser import Camera
from posescope.data.rendering.shadows import ShadowMap, contact_shade, ground_points, ground_shadow

QUAD = np.array([[0, 1, 2], [0, 2, 3]])
DIAGONAL = np.array([-1.0, 0.0, 1.0]) / np.sqrt(2)


def tile(height: float) -> Mesh:
    """A horizontal square metre above the origin."""
    corners = np.array([[-0.5, -0.5, height], [0.5, -0.5, height], [0.5, 0.5, height], [-0.5, 0.5, height]])
    return Mesh.of_object(corners, QUAD, Material((0.5, 0.5, 0.5)))


def from_above() -> Camera:
    return Camera.looking_at(120, 100, 100.0, np.array([0.0, -4.0, 3.0]), np.array([0.3, 0.0, 0.0]))


def test_ground_points_project_back_to_their_pixels() -> None:
    camera = from_above()
    points, on_ground = ground_points(camera)
    row, column = np.nonzero(on_ground)
    projected = camera.project(points[on_ground])
    assert points[on_ground][:, 2] == pytest.approx(0, abs=1e-9)
    assert projected[:, 0] == pytest.approx(column, abs=1e-6)
    assert projected[:, 1] == pytest.approx(row, abs=1e-6)
    level = Camera.looking_at(64, 48, 60.0, np.array([0, 0, 1.0]), np.array([0, 5.0, 1.0]))
    assert np.array_equal(ground_points(level)[1].any(axis=1), np.arange(48) > 23.5 + 60 / 100)


@pytest.mark.parametrize('height', [0.5, 1.0])
def test_light_at_45_degrees_moves_the_shadow_by_the_height(height: float) -> None:
    shadows, camera = ShadowMap.cast([tile(height)], DIAGONAL), from_above()
    lit, (points, on_ground) = ground_shadow(camera, shadows), ground_points(camera)
    x, y = points[..., 0] - height, points[..., 1]
    inside = on_ground & (np.abs(x) < 0.45) & (np.abs(y) < 0.45)
    outside = on_ground & ((np.abs(x) > 0.55) | (np.abs(y) > 0.55))
    assert inside.sum() > 100
    assert (lit[inside] == 0).all()
    assert (lit[outside] == 1).all()
    assert (lit[~on_ground] == 1).all()


def test_softness_widens_the_edge() -> None:
    line = np.stack([np.linspace(0, 2, 400), np.zeros(400), np.zeros(400)], axis=1)
    widths = [
        np.mean((lit > 0) & (lit < 1))
        for lit in (ShadowMap.cast([tile(1.0)], DIAGONAL, softness, 800).lit(line) for softness in (0.01, 0.1))
    ]
    assert widths[1] > 4 * widths[0]


def test_a_surface_does_not_shadow_itself() -> None:
    mesh = tile(1.0)
    points = np.random.default_rng(0).uniform(-0.45, 0.45, (500, 3)) * [1, 1, 0] + [0, 0, 1.0]
    assert (ShadowMap.cast([mesh], DIAGONAL).lit(points, np.tile([0.0, 0, 1], (500, 1))) == 1).all()


def test_contact_darkens_the_ground_around_what_stands_on_it() -> None:
    camera, points = from_above(), ground_points(from_above())[0]
    grid = np.stack(np.meshgrid(np.linspace(-0.1, 0.1, 9), np.linspace(-0.1, 0.1, 9), [0.01]), axis=-1).reshape(-1, 3)
    foot = Mesh.of_object(grid, np.array([[0, 1, 9]]), Material((0.5, 0.5, 0.5)))
    shade, distance = contact_shade(camera, [foot]), np.hypot(points[..., 0], points[..., 1])
    assert shade[distance < 0.05].max() < 0.6
    assert shade[distance > 0.6].min() == 1
    assert contact_shade(camera, [tile(1.0)]).min() == 1
