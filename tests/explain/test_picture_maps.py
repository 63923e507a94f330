import numpy as np
import pytest

from posescope.errors import InputError
from posescope.explain.picture_maps import to_picture

MAPS = np.random.default_rng(0).normal(size=(2, 6, 5)).astype(np.float32)


def matrix(scale: float, left: float, top: float) -> np.ndarray:
    return np.array([[scale, 0, left], [0, scale, top]])


def test_pixels_of_one_size_are_copied() -> None:
    found = to_picture(MAPS, matrix(1, 3, 2), (20, 10))
    expected = np.zeros((2, 10, 20))
    expected[:, 2:8, 3:8] = MAPS
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == np.float32


def test_a_pixel_of_the_input_is_spread_over_what_it_shows() -> None:
    """Two pixels of the picture each way; its first pixel's centre is half a pixel before that of the input's first."""
    found = to_picture(MAPS, matrix(2, 0.5, 0.5), (10, 12))
    np.testing.assert_allclose(found, MAPS.repeat(2, 1).repeat(2, 2) / 4, rtol=1e-6)


def test_pixels_that_share_one_of_the_picture_add_up() -> None:
    found = to_picture(MAPS[:, :, :4], matrix(0.5, -0.25, -0.25), (2, 3))
    np.testing.assert_allclose(found, MAPS[:, :, :4].reshape(2, 3, 2, 2, 2).sum((2, 4)), rtol=1e-5)


@pytest.mark.parametrize('scale', [0.13, 0.77, 1.9, 7.3])
def test_sums_are_kept_but_for_what_lies_beside(scale: float) -> None:
    inside = to_picture(MAPS, matrix(scale, 4.3, 5.1), (60, 60))
    np.testing.assert_allclose(inside.sum((1, 2)), MAPS.sum((1, 2)), rtol=1e-4)
    # The picture's left edge, half a pixel before its first centre, lies on the middle of the input's third column.
    beside = to_picture(MAPS, matrix(scale, -2 * scale - 0.5, 5.1), (60, 60))
    np.testing.assert_allclose(beside.sum((1, 2)), (MAPS[:, :, 3:].sum(2) + MAPS[:, :, 2] / 2).sum(1), rtol=1e-4)


def test_nothing_on_the_picture() -> None:
    assert not to_picture(MAPS, matrix(1, 50, 0), (20, 10)).any()
    assert not to_picture(MAPS, matrix(1, -50, 0), (20, 10)).any()
    assert to_picture(MAPS, matrix(1, 0, 0), (1, 1)).shape == (2, 1, 1)


def test_turned_crops_are_refused() -> None:
    turned = np.array([[0.9, -0.1, 0], [0.1, 0.9, 0]])
    with pytest.raises(InputError, match='turned or mirrored'):
        to_picture(MAPS, turned, (20, 10))
