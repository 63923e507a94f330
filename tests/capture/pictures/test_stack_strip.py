"""A strip shows how a map's peak moves, with the same colours all along."""

from dataclasses import replace

import numpy as np
import pytest

from posescope.capture.pictures import CellGrid, draw_stack_strip
from posescope.capture.pictures.stack_strip import peak_of
from posescope.errors import InputError
from tests.capture.pictures.drawn_crop import drawn_crop

GRID = CellGrid((4, 4), (0, 0))


def test_peak() -> None:
    values = np.zeros((3, 4))
    assert peak_of(values) == (0, 0)
    values[2, 1] = 5
    values[1, 1] = np.inf
    values[0, 0] = np.nan
    assert peak_of(values) == (2, 1)
    assert peak_of(np.full((2, 2), np.nan)) is None


def test_peaks_lie_in_the_image() -> None:
    maps = np.zeros((2, 24, 16))
    maps[0, 10, 5], maps[1, 16, 13] = 0.5, 2.0
    figure = draw_stack_strip(drawn_crop(), maps, GRID, ['stack 1', 'stack 2'], 'head', joint='left_wrist')
    _, first, second, bar = figure.axes
    # Cell (row, column) is input pixel 4 · cell, and image pixel 1.5 · x + 10, 1.5 · y - 20.
    expected = [(1.5 * 20 + 10, 1.5 * 40 - 20), (1.5 * 52 + 10, 1.5 * 64 - 20)]
    for panel, place, peak, name in zip((first, second), expected, (0.5, 2), ('stack 1', 'stack 2'), strict=True):
        np.testing.assert_allclose(panel.lines[-1].get_xydata(), [place])
        assert panel.images[-1].get_clim() == (0, 2)
        distance = np.hypot(place[0] - 90, place[1] - 80)
        assert panel.get_title() == f'{name}\npeak {peak:.3g}\n{distance:.1f} px from the joint'
    assert bar.get_ylabel() == 'heatmap'


def test_each_map_is_placed_as_its_own_model_saw_the_person() -> None:
    first = drawn_crop()
    moved = first.to_image + np.array([[0, 0, 7], [0, 0, 3]])
    second = replace(first, to_image=moved, keypoints=first.keypoints + 5)
    maps = np.zeros((2, 24, 16))
    maps[:, 10, 5] = 1
    figure = draw_stack_strip([first, second], maps, GRID, ['epoch 1', 'epoch 2'], 'head', joint='left_wrist')
    place = np.array([1.5 * 20 + 10, 1.5 * 40 - 20])
    for panel, shift, name in zip(figure.axes[1:3], ((0, 0), (7, 3)), ('epoch 1', 'epoch 2'), strict=True):
        np.testing.assert_allclose(panel.lines[-1].get_xydata(), [place + shift])
        distance = np.hypot(*(place + shift - (np.array([90, 80]) + (5 if any(shift) else 0))))
        assert panel.get_title() == f'{name}\npeak 1\n{distance:.1f} px from the joint'
    with pytest.raises(InputError, match='1 crops for 2 maps'):
        draw_stack_strip([first], maps, GRID, ['a', 'b'], 'head')


def test_epochs_of_other_sizes() -> None:
    grids = [GRID, CellGrid((8, 8), (2, 2))]
    figure = draw_stack_strip(drawn_crop(), [np.eye(8), np.eye(4)], grids, ['epoch 1', 'epoch 2'], 'head')
    assert figure.axes[1].images[-1].get_extent()[0] == 1.5 * -2 + 10
    assert figure.axes[2].images[-1].get_extent()[0] == 1.5 * -2 + 10
    assert figure.axes[2].get_title() == 'epoch 2\npeak 1'


def test_wrong() -> None:
    with pytest.raises(InputError, match=r'map of b has shape \(1, 4, 4\), not \(h, w\)'):
        draw_stack_strip(drawn_crop(), [np.eye(4), np.ones((1, 4, 4))], GRID, ['a', 'b'], 'head')
    with pytest.raises(InputError, match='1 names for 2 maps'):
        draw_stack_strip(drawn_crop(), np.ones((2, 4, 4)), GRID, ['a'], 'head')
