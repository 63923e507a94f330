import numpy as np

from posescope.capture.grid import Grid
from posescope.explain.attribution.spatial_layer import SpatialLayer
from posescope.explain.units.body_cells import LIMB_RADIUS, cell_places, cells_of_person, distance_to_links

LAYER = SpatialLayer('layer', Grid((4.0, 4.0), (1.5, 1.5)), (10, 8))
PLACES = cell_places(LAYER)
TRUTH = np.array([[9.0, 9.5], [25.0, 9.5], [np.nan, np.nan], [-5.0, 20.0], [17.4, 17.4]])
COUNTED = np.array([True, True, True, True, False])
SIGMAS, LINKS, ROOT = np.array([0.1, 0.001, 0.1, 0.1, 0.1]), [(0, 1), (1, 2)], 40.0


def test_places_are_the_grids() -> None:
    assert PLACES[0].tolist() == [1.5, 1.5]
    assert PLACES[8 + 2].tolist() == [9.5, 5.5]


def test_under_joints() -> None:
    found = cells_of_person(PLACES, TRUTH, COUNTED, ROOT, SIGMAS, LINKS, size=(32, 40))
    within = np.linalg.norm(PLACES - TRUTH[0], axis=1) <= 8.0  # 2σ·√area
    assert set(found.cells[found.under[0]]) == set(np.flatnonzero(within))
    nearest = int(np.linalg.norm(PLACES - TRUTH[1], axis=1).argmin())  # 2σ·√area is under a tenth of a pixel
    assert found.cells[found.under[1]].tolist() == [nearest]
    assert not found.under[2:].any()  # unknown, outside of the input, not visible


def test_the_person_is_near_its_links_or_where_the_mask_says() -> None:
    found = cells_of_person(PLACES, TRUTH, COUNTED, ROOT, SIGMAS, LINKS, size=(32, 40))
    x, y = PLACES.T
    beside = np.hypot(np.clip(9 - x, 0, None) + np.clip(x - 25, 0, None), y - 9.5) <= LIMB_RADIUS * ROOT
    under = found.cells[found.under.any(0)]
    assert set(found.cells) == set(np.flatnonzero(beside)) | set(under)
    mask = np.zeros((40, 32), bool)
    mask[20:28, 0:16] = True
    masked = cells_of_person(PLACES, TRUTH, COUNTED, ROOT, SIGMAS, LINKS, mask, (32, 40))
    square = {row * 8 + column for row in (5, 6) for column in range(4)}
    assert set(masked.cells) == square | set(under)


def test_distance_to_links() -> None:
    truth = np.array([[0.0, 0.0], [10.0, 0.0], [np.nan, 0.0]])
    places = np.array([[5.0, 3.0], [-3.0, 4.0], [13.0, -4.0]])
    np.testing.assert_allclose(distance_to_links(places, truth, [(0, 1), (1, 2)]), [3, 5, 5])
    assert np.isinf(distance_to_links(places, truth, [(1, 2)])).all()
