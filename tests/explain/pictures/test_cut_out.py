import numpy as np

from posescope.explain.pictures import cut_out
from tests.capture.pictures.drawn_crop import TO_IMAGE, drawn_crop


def test_what_lies_around_the_region_is_left_away() -> None:
    """The region reaches from 9.25 to 105.25 across, beyond the photograph, and from -20.75 to 123.25 down."""
    crop = drawn_crop()
    assert crop.photograph is not None
    shown, first = cut_out(crop)
    assert first == (9, 0)
    np.testing.assert_array_equal(shown.photograph, crop.photograph[:, 9:])
    np.testing.assert_allclose(shown.pixels([3, 4]), crop.pixels([3, 4]) - [9, 0])
    np.testing.assert_allclose(shown.people, crop.people - [9, 0])


def test_a_region_within_the_photograph() -> None:
    small = TO_IMAGE * [[0.5, 1, 2], [1, 0.5, -1.5]]  # from 19.6 to 67.6 across, from 29.6 to 101.6 down
    shown, first = cut_out(drawn_crop(to_image=small))
    assert first == (19, 29)
    assert shown.photograph is not None
    assert shown.photograph.shape[:2] == (74, 50)


def test_a_region_beside_the_photograph_leaves_a_pixel() -> None:
    beside = np.add(TO_IMAGE, [0, 0, 500])
    shown, first = cut_out(drawn_crop(to_image=beside))
    assert shown.photograph is not None
    assert shown.photograph.shape[:2] == (1, 1)
    assert first == (99, 119)


def test_without_a_photograph_nothing_changes() -> None:
    crop = drawn_crop(photograph=False)
    assert cut_out(crop) == (crop, (0, 0))
