"""Rows of attention are drawn at their cells, with colours that can be compared."""

import numpy as np
import pytest

from posescope.capture.pictures import CellGrid, Place, draw_attention_heads, draw_attention_layers
from posescope.errors import InputError
from tests.capture.pictures.drawn_crop import TO_IMAGE, drawn_crop

GRID = CellGrid((16, 16), (7.5, 7.5))


def drawn_rows(*shape: int) -> np.ndarray:
    rows = np.random.default_rng(0).random((*shape, 6, 4)) ** 4
    return rows / rows.sum((-2, -1), keepdims=True)


def test_heads_and_their_mean() -> None:
    rows = drawn_rows(3)
    figure = draw_attention_heads(drawn_crop(), rows, GRID, 'left_wrist', 'backbone.layers.11.attn')
    _, mean, *heads, bar = figure.axes
    assert [panel.get_title() for panel in (mean, *heads)] == ['mean over heads', 'head 0', 'head 1', 'head 2']
    np.testing.assert_allclose(mean.images[-1].get_array(), rows.mean(0))
    np.testing.assert_array_equal(heads[2].images[-1].get_array(), rows[2])
    assert {panel.images[-1].get_clim() for panel in (mean, *heads)} == {heads[0].images[-1].get_clim()}
    limit = heads[0].images[-1].get_clim()
    assert limit[0] == 0
    assert limit[1] == pytest.approx(np.quantile(np.concatenate([rows.mean(0)[None], rows]), 0.995))
    for panel in (mean, *heads):
        assert tuple(panel.images[-1].get_extent()) == Place(GRID, TO_IMAGE).extent(6, 4)
        np.testing.assert_array_equal(panel.lines[0].get_xydata(), [[90, 80]])
    assert bar.get_ylabel() == 'attention weight'
    assert figure.get_suptitle().startswith('backbone.layers.11.attn\n')


def test_averaged() -> None:
    figure = draw_attention_heads(drawn_crop(), drawn_rows(), GRID, 0, 'attn')
    assert len(figure.axes) == 3  # the person, the map, the bar


def test_layers_and_joints() -> None:
    rows = [drawn_rows(2), 5 * drawn_rows(2)]
    figure = draw_attention_layers(drawn_crop(), rows, [GRID, GRID], ['layer 1', 'layer 2'], ['nose', 2])
    panels = np.reshape(figure.axes[:4], (2, 2))
    assert [panel.get_title() for panel in panels[0]] == ['nose', 'right wrist']
    assert [panel.get_ylabel() for panel in panels[:, 0]] == ['layer 1', 'layer 2']
    for row, values in zip(panels, rows, strict=True):
        for panel, one in zip(row, values, strict=True):
            np.testing.assert_array_equal(panel.images[-1].get_array(), one)
            assert panel.images[-1].get_clim()[1] == pytest.approx(np.quantile(values, 0.995))
    np.testing.assert_array_equal(panels[1, 1].lines[0].get_xydata(), [[40, 85]])


def test_wrong() -> None:
    crop = drawn_crop()
    with pytest.raises(InputError, match=r'rows has shape \(1, 2, 6, 4\), not \(heads, h, w\)'):
        draw_attention_heads(crop, drawn_rows(1, 2), GRID, 0, 'attn')
    with pytest.raises(InputError, match=r'rows of b has shape \(3, 6, 4\), not \(2, h, w\)'):
        draw_attention_layers(crop, [drawn_rows(2), drawn_rows(3)], GRID, ['a', 'b'], [0, 1])
    with pytest.raises(InputError, match='1 layers for 2 layers’ rows'):
        draw_attention_layers(crop, [drawn_rows(2)] * 2, GRID, ['a'], [0, 1])
    with pytest.raises(InputError, match='there are no joints to draw'):
        draw_attention_layers(crop, [drawn_rows(2)], GRID, ['a'], [])
