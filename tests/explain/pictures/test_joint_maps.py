"""Each joint's map at its place in the photograph, with colours that diverge where it has signs."""

import numpy as np
import pytest

from posescope.errors import InputError
from posescope.explain.pictures import MOST_JOINTS, draw_joint_maps
from tests.capture.pictures.drawn_crop import drawn_crop

WIDTH, HEIGHT = 64, 96
"""Input pixel (x, y) is image pixel (1.5 x + 10, 1.5 y - 20), of an image of 100 × 120."""


def maps(*values: tuple[int, int, float]) -> np.ndarray:
    """A map for each (x, y, value)."""
    found = np.zeros((len(values), HEIGHT, WIDTH))
    for number, (x, y, value) in enumerate(values):
        found[number, y, x] = value
    return found


def test_maps_are_drawn_in_parts_and_peaks_marked() -> None:
    figure = draw_joint_maps(drawn_crop(), maps((20, 40, 8.0), (30, 50, 0.5)), ['nose', 'left_wrist'], 'what it shows')
    person, nose, wrist, bar = figure.axes
    assert len(person.images) == 1
    for panel, (x, y), name in ((nose, (20, 40), 'nose'), (wrist, (30, 50), 'left wrist')):
        drawn = panel.images[-1]
        assert drawn.get_array().max() == 1
        assert drawn.get_clim() == (0, 1)
        (peak,) = {tuple(line.get_xydata()[0]) for line in panel.lines if line.get_gid() == 'peak'}
        # What is left of the photograph begins at column 9: the crop's left edge is at 1.5 · -0.5 + 10 = 9.25.
        assert peak == (1.5 * x + 10 - 9, 1.5 * y - 20)
        left, right, bottom, top = drawn.get_extent()
        np.testing.assert_allclose((left, right), (1.5 * -0.5 + 10 - 9, 1.5 * (WIDTH - 0.5) + 10 - 9))
        np.testing.assert_allclose((top, bottom), (1.5 * -0.5 - 20, 1.5 * (HEIGHT - 0.5) - 20))
        assert panel.get_title() == name
    assert bar.get_ylabel() == "parts of each joint's 99.5th percentile"


def test_a_few_large_pixels_leave_the_others_visible() -> None:
    values = np.full((1, HEIGHT, WIDTH), 0.2)
    values[0, 40, 20:25] = [5.0, 9.0, 5.0, -7.0, 5.0]
    figure = draw_joint_maps(drawn_crop(), values, ['nose'], 'fine')
    panel = figure.axes[1]
    drawn = panel.images[-1].get_array()
    assert (drawn.min(), drawn.max()) == (-1, 1)
    assert np.median(drawn) == 1
    (peak,) = {tuple(line.get_xydata()[0]) for line in panel.lines if line.get_gid() == 'peak'}
    assert peak == (1.5 * 21 + 10 - 9, 1.5 * 40 - 20)  # where the largest is, beyond full colour


def test_signs_diverge_from_zero() -> None:
    figure = draw_joint_maps(drawn_crop(), maps((20, 40, 1.0), (30, 50, -4.0)), [0, 1], 'signed', notes=['a', 'b'])
    first, second = figure.axes[1:3]
    assert first.images[-1].get_clim() == second.images[-1].get_clim() == (-1, 1)
    assert second.images[-1].get_array().min() == -1
    assert not [line for line in second.lines if line.get_gid() == 'peak']  # nothing speaks for it
    assert second.get_title() == 'left wrist\nb'


def test_an_empty_map_is_drawn() -> None:
    figure = draw_joint_maps(drawn_crop(photograph=False), np.zeros((1, HEIGHT, WIDTH)), ['nose'], 'nothing')
    assert not figure.axes[1].images[-1].get_array().any()


def test_ticks_are_pixels_of_the_whole_photograph() -> None:
    figure = draw_joint_maps(drawn_crop(), maps((20, 40, 1.0)), ['nose'], 'ticks')
    person = figure.axes[0]
    labels = [float(label.get_text().replace('−', '-')) for label in person.get_xticklabels()]
    np.testing.assert_allclose(labels, person.get_xticks() + 9)
    assert all(label % 5 == 0 for label in labels)


def test_wrong() -> None:
    with pytest.raises(InputError, match=r'maps has shape \(1, 96, 64\), not \(2, 96, 64\)'):
        draw_joint_maps(drawn_crop(), maps((0, 0, 1.0)), [0, 1], '')
    with pytest.raises(InputError, match='nearest: left_wrist'):
        draw_joint_maps(drawn_crop(), maps((0, 0, 1.0)), ['left_rist'], '')
    with pytest.raises(InputError, match='24 joints are more than the 23'):
        draw_joint_maps(drawn_crop(), np.zeros((MOST_JOINTS + 1, HEIGHT, WIDTH)), [0] * (MOST_JOINTS + 1), '')
