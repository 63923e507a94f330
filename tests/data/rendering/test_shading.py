import numpy as np
import pytest

from posescope.data.rendering.mesh import Material, Mesh
from posescope.data.rendering.patterns import Stripes
from posescope.data.rendering.rasteriser import Camera, rasterise
from posescope.data.rendering.shading import Light, Lighting, ambient_openness, shade, shade_linear, to_srgb

ALBEDO = (0.6, 0.4, 0.2)
DARK = Lighting(Light((0.0, -1.0, 0.0), (0.0, 0.0, 0.0)), sky=(0, 0, 0), ground=(0, 0, 0))
QUAD = np.array([[0, 1, 2], [0, 2, 3]])


def ahead(width: int = 32, height: int = 32) -> Camera:
    return Camera.looking_at(width, height, 40.0, np.zeros(3), np.array([0.0, 1.0, 0.0]))


def wall(material: Material, left: float = -9.0) -> Mesh:
    """A wall 2 m ahead, facing the camera, from x = left rightwards."""
    corners = [[left, 2.0, -9.0], [9.0, 2.0, -9.0], [9.0, 2.0, 9.0], [left, 2.0, 9.0]]
    return Mesh.of_object(np.array(corners), QUAD, material)


def lit(lighting: Lighting, mesh: Mesh, background: float = 0.0) -> np.ndarray:
    camera = ahead()
    return shade_linear(rasterise([mesh], camera), [mesh], camera, lighting, np.full((32, 32, 3), background))


@pytest.mark.parametrize('degrees', [0, 40, 75, 100])
def test_a_matt_wall_follows_lamberts_law(degrees: float) -> None:
    angle = np.radians(degrees)
    key = Light((float(np.sin(angle)), -float(np.cos(angle)), 0.0), (1.0, 0.8, 0.6))
    picture = lit(Lighting(key, sky=(0, 0, 0), ground=(0, 0, 0)), wall(Material(ALBEDO)))
    expected = np.array(ALBEDO) * [1.0, 0.8, 0.6] * max(np.cos(angle), 0)
    assert picture[16, 16] == pytest.approx(expected, abs=1e-9)
    assert np.ptp(picture.reshape(-1, 3), axis=0) == pytest.approx(0, abs=1e-9)


def test_sky_and_ground_light_half_each_of_an_upright_wall() -> None:
    sky = Lighting(DARK.key, sky=(0.8, 0.6, 0.4), ground=(0.2, 0.2, 0.0))
    assert lit(sky, wall(Material(ALBEDO)))[5, 5] == pytest.approx(np.array(ALBEDO) * [0.5, 0.4, 0.2])


def test_fill_lights_add_up() -> None:
    light = Light((0.0, -1.0, 0.0), (0.3, 0.3, 0.3))
    both = Lighting(light, (0, 0, 0), (0, 0, 0), fill=(light,))
    assert lit(both, wall(Material(ALBEDO)))[5, 5] == pytest.approx(np.array(ALBEDO) * 0.6)


def test_the_inside_of_a_surface_is_lit_as_its_outside() -> None:
    light = Lighting(Light((0.0, -1.0, 0.0), (1.0, 1.0, 1.0)), (0, 0, 0), (0, 0, 0))
    mesh = wall(Material(ALBEDO))
    inside_out = Mesh.of_object(mesh.vertices, mesh.faces[:, ::-1], Material(ALBEDO))
    assert lit(light, inside_out) == pytest.approx(lit(light, mesh))


def test_gloss_adds_a_highlight_where_the_light_is_mirrored() -> None:
    light = Lighting(Light((0.0, -1.0, 0.0), (1.0, 1.0, 1.0)), (0, 0, 0), (0, 0, 0))
    added = lit(light, wall(Material(ALBEDO, gloss=1.0))) - lit(light, wall(Material(ALBEDO)))
    assert added[16, 16] == pytest.approx([0.25] * 3, abs=1e-3)
    assert added[16, 16, 0] > added[16, 2, 0] > added[16, 0, 0] > 0


def test_a_pixel_is_the_mean_of_its_samples() -> None:
    """The wall begins in the middle between the two columns of samples of pixel column 15."""
    left = (15 - 15.5) / 40 * 2
    light = Lighting(Light((0.0, -1.0, 0.0), (1.0, 1.0, 1.0)), (0, 0, 0), (0, 0, 0))
    picture = lit(light, wall(Material((0.8, 0.8, 0.8)), left), background=0.2)
    assert picture[:, :15] == pytest.approx(0.2)
    assert picture[:, 15] == pytest.approx((0.2 + 0.8) / 2)
    assert picture[:, 16:] == pytest.approx(0.8)


def test_patterns_are_seen_where_the_texture_says() -> None:
    """Stripes 0.1 m wide at 2 m are 2 pixels wide at a focal length of 40."""
    light = Lighting(Light((0.0, -1.0, 0.0), (1.0, 1.0, 1.0)), (0, 0, 0), (0, 0, 0))
    stripes = Material((0.0, 0.0, 0.0), Stripes((1.0, 1.0, 1.0), period=0.2, width=0.5, upright=True))
    row = lit(light, wall(stripes))[0, :, 0]
    x = (np.arange(32) - 15.5) / 20
    assert np.array_equal(row > 0.5, (x / 0.2) % 1 < 0.5)


def test_exposure_scales_meshes_and_background_before_gamma() -> None:
    camera, mesh = ahead(), wall(Material(ALBEDO), left=0.0)
    light = Light((0.0, -1.0, 0.0), (0.4, 0.4, 0.4))
    fragments, background = rasterise([mesh], camera), np.full((32, 32, 3), 0.1)
    bright = shade(fragments, [mesh], camera, Lighting(light, exposure=2.0), background)
    linear = shade_linear(fragments, [mesh], camera, Lighting(light), background)
    assert np.array_equal(bright, to_srgb(2 * linear))
    assert bright.dtype == np.uint8


def test_srgb_encoding() -> None:
    """Values of IEC 61966-2-1; above 0.8 the curve bends and never reaches white before infinity."""
    known = {0.0: 0, 0.001: 3, 0.01: 25, 0.05: 63, 0.2140: 127, 0.5: 188, 0.8: 231}
    assert {value: int(to_srgb(np.array(value))) for value in known} == known
    ramp = to_srgb(np.linspace(0, 5, 1000)).astype(int)
    assert (np.diff(ramp) >= 0).all()
    assert ramp[-1] in (253, 254, 255)
    assert to_srgb(np.array(-1.0)) == 0


def test_a_corner_is_darker_than_open_wall() -> None:
    """A pillar 5 cm before the wall hides part of its sky; 4 m before it, it hides nothing."""
    camera = Camera.looking_at(64, 64, 300.0, np.zeros(3), np.array([0.0, 1.0, 0.0]))
    background = wall(Material(ALBEDO))
    for gap, darker in ((0.06, True), (1.5, False)):
        y = 2.0 - gap
        pillar = Mesh.of_object(
            np.array([[-9, y, -9], [0.0, y, -9], [0.0, y, 9], [-9, y, 9.0]]), QUAD, Material(ALBEDO)
        )
        openness = ambient_openness(rasterise([background, pillar], camera), camera)
        assert openness[64, 127] == pytest.approx(1)
        assert (openness[64, 66] < 0.9) == darker
