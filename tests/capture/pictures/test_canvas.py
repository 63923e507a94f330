"""What is drawn lies at its pixels of the image."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from posescope.capture.pictures import CellGrid, Place, mirrored_grid, to_rgb
from posescope.capture.pictures.canvas import draw_background, draw_joints, draw_map, mark_joint
from posescope.capture.store.crops import crop_to_image
from posescope.errors import InputError
from tests.capture.pictures.drawn_crop import KEYPOINTS, TO_IMAGE, drawn_crop

GRID = CellGrid((16, 16), (7.5, 7.5))


def panel_of(crop):
    figure = Figure(figsize=(4, 4 * crop.aspect), dpi=100)
    panel = figure.add_axes((0, 0, 1, 1))
    draw_background(panel, crop)
    return figure, panel


def test_coordinates_are_pixels_of_the_image() -> None:
    crop = drawn_crop()
    _, panel = panel_of(crop)
    left, right, bottom, top = crop.limits
    assert panel.get_xlim() == (left, right)
    assert panel.get_ylim() == (bottom, top)
    (photograph,) = panel.images
    assert tuple(photograph.get_extent()) == (-0.5, 99.5, 119.5, -0.5)  # pixel (0, 0) is centred at 0


def test_map_has_the_extent_of_its_cells() -> None:
    _, panel = panel_of(crop := drawn_crop())
    picture = draw_map(panel, crop, GRID, np.zeros((6, 4)))
    # The cells of a stride-16 grid tile the 64 × 96 input exactly.
    assert tuple(picture.get_extent()) == (crop.limits[0], crop.limits[1], crop.limits[2], crop.limits[3])
    overhanging = draw_map(panel, crop, CellGrid((32, 32), (0, 0)), np.zeros((4, 3)))
    assert overhanging.get_extent()[0] == 1.5 * -16 + 10
    assert panel.get_xlim() == crop.limits[:2]  # and the panel shows the crop alone


@pytest.mark.parametrize('rotation', [0, 30, -100])
@pytest.mark.parametrize('mirrored', [False, True])
def test_colours_appear_at_the_places_of_cells(rotation: float, mirrored: bool) -> None:
    to_image = crop_to_image((50, 60), (96, 144), (64, 96), rotation, False)
    crop = drawn_crop(to_image=to_image, photograph=False, keypoints=None)
    figure, panel = panel_of(crop)
    values = np.random.default_rng(0).random((6, 4, 3))
    grid = mirrored_grid(GRID, 64) if mirrored else GRID
    draw_map(panel, crop, grid, values)
    rendered = to_rgb(figure)
    for row, column in np.ndindex(6, 4):
        x, y = panel.transData.transform(Place(grid, to_image).to_pixels([row, column]))
        drawn = rendered[rendered.shape[0] - 1 - int(y), int(x)]
        np.testing.assert_allclose(drawn, 255 * values[row, column], atol=1.01)


def test_joints_and_links() -> None:
    keypoints = KEYPOINTS.copy()
    keypoints[2] = np.nan
    figure, panel = panel_of(crop := drawn_crop(keypoints=keypoints))
    draw_joints(panel, crop)
    links = next(one for one in panel.collections if isinstance(one, LineCollection))
    np.testing.assert_array_equal(links.get_segments()[0], KEYPOINTS[[0, 1]])
    points = next(one for one in panel.collections if one is not links)
    np.testing.assert_array_equal(np.ma.filled(points.get_offsets(), np.nan)[:2], KEYPOINTS[:2])
    to_rgb(figure)


def test_mark_is_at_the_joint_of_everyone() -> None:
    people = np.stack([KEYPOINTS, KEYPOINTS + 5])
    people[1, 2] = np.nan
    _, panel = panel_of(crop := drawn_crop(keypoints=people))
    mark_joint(panel, crop, 'left_wrist')
    places = {tuple(np.ravel(line.get_xydata())) for line in panel.lines}
    assert places == {(90, 80), (95, 85)}
    mark_joint(panel, crop, 2)
    assert len(panel.lines) == 6  # two rings, black and white, for each known joint
    with pytest.raises(InputError, match='nearest: left_wrist'):
        mark_joint(panel, crop, 'left_wirst')


def test_without_photograph_maps_are_opaque() -> None:
    for photograph, opacity in ((True, 0.5), (False, 1.0)):
        _, panel = panel_of(crop := drawn_crop(photograph=photograph))
        assert draw_map(panel, crop, GRID, np.ones((6, 4)), opacity=0.5).get_alpha() == opacity


def test_gaps_are_masked() -> None:
    _, panel = panel_of(crop := drawn_crop())
    values = np.array([[np.nan, 1], [np.inf, 2]])
    shown = draw_map(panel, crop, CellGrid((48, 32), (23.5, 15.5)), values).get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(shown), [[True, False], [True, False]])


def test_no_place() -> None:
    _, panel = panel_of(crop := drawn_crop(to_image=TO_IMAGE))
    with pytest.raises(InputError, match='positive area'):
        draw_map(panel, crop, CellGrid((0, 0), (0, 0)), np.ones((2, 2)))
