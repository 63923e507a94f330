"""A map lies in the image where its grid and the crop say."""

from dataclasses import asdict

import numpy as np
import pytest

from posescope.capture.grid import Grid
from posescope.capture.pictures.place import CellGrid, Place, grid_of_each, mirrored_grid
from posescope.capture.store.crops import cells_to_image, crop_to_image
from posescope.errors import InputError
from tests.capture.pictures.drawn_crop import TO_IMAGE

GRID = CellGrid((8, 4), (3.5, 1))


def test_extent_in_closed_form() -> None:
    left, right, bottom, top = Place(GRID, TO_IMAGE).extent(12, 16)
    # Cells reach half a cell beyond their centres: x in the input from 4·-.5+1 to 4·15.5+1, y from 8·-.5+3.5 on.
    assert (left, right) == (1.5 * -1 + 10, 1.5 * 63 + 10)
    assert (top, bottom) == (1.5 * -0.5 - 20, 1.5 * 95.5 - 20)


def test_pixels_and_cells() -> None:
    place = Place(GRID, TO_IMAGE)
    np.testing.assert_allclose(place.to_pixels([2, 5]), [1.5 * (4 * 5 + 1) + 10, 1.5 * (8 * 2 + 3.5) - 20])
    cells = np.random.default_rng(0).random((3, 5, 2)) * 9
    np.testing.assert_allclose(place.to_cells(place.to_pixels(cells)), cells, atol=1e-12)


@pytest.mark.parametrize('mirrored', [False, True])
@pytest.mark.parametrize(('rotation', 'udp'), [(0, False), (25, False), (-40, True)])
def test_places_are_those_of_the_store(rotation: float, udp: bool, mirrored: bool) -> None:
    to_image = crop_to_image((80, 90), (120, 160), (96, 128), rotation, udp)
    cells = np.random.default_rng(0).random((7, 2)) * 12
    place = Place(mirrored_grid(GRID, 96) if mirrored else GRID, to_image)
    expected = cells_to_image(cells, asdict(GRID), to_image, 96, mirrored)
    np.testing.assert_allclose(place.to_pixels(cells)[:, ::-1], expected, atol=1e-9)
    assert place.is_upright == (rotation == 0 and not mirrored)


def test_one_grid_or_one_for_each() -> None:
    assert grid_of_each(Grid((2, 2)), 2) == [Grid((2, 2))] * 2
    assert grid_of_each([GRID, CellGrid((1, 1), (0, 0))], 2) == [GRID, CellGrid((1, 1), (0, 0))]


@pytest.mark.parametrize(
    ('scale', 'to_image'), [((0, 1), TO_IMAGE), ((1, np.nan), TO_IMAGE), ((1, 1), [[1, 2, 0], [2, 4, 0]])]
)
def test_no_place(scale, to_image) -> None:
    with pytest.raises(InputError, match='finite place of positive area'):
        Place(CellGrid(scale, (0, 0)), to_image)
    with pytest.raises(InputError, match=r'scale of the grid has shape \(1,\)'):
        Place(CellGrid((1,), (0, 0)), to_image)  # type: ignore[arg-type]
