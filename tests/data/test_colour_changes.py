import colorsys

import numpy as np
import pytest

from posescope.data.colour_changes import changed_by, turn_hue

RED, GREEN, BLUE = (0, 0, 255), (0, 255, 0), (255, 0, 0)  # blue first


def test_hues_turn_from_red_over_green_to_blue():
    assert turn_hue(np.array([RED, GREEN]), 120) == pytest.approx(np.array([GREEN, BLUE]), abs=1e-3)
    assert turn_hue(np.array([BLUE]), 120) == pytest.approx(np.array([RED]), abs=1e-3)
    assert turn_hue(np.array([RED]), -120) == pytest.approx(np.array([BLUE]), abs=1e-3)


def test_a_turned_hue_is_that_of_the_standard_library_and_grey_stays():
    pixels = np.random.default_rng(0).integers(0, 256, (50, 3))
    found = turn_hue(pixels, 77)
    for pixel, one in zip(pixels, found, strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*pixel[::-1] / 255)
        expected = np.array(colorsys.hsv_to_rgb((hue + 77 / 360) % 1, saturation, value))[::-1] * 255
        assert one == pytest.approx(expected, abs=0.01)
    grey = np.full((2, 3), 90)
    assert turn_hue(grey, 200) == pytest.approx(grey, abs=1e-3)


def test_an_affine_change_is_kept_within_what_a_picture_can_show():
    found = changed_by(np.array([[10, 100, 200]]), (2, 0.5, 1), (0, 10, 100))
    assert found.tolist() == [[20, 60, 255]]
