from dataclasses import replace

import numpy as np
import pytest

from posescope.data.body_parts import BODY_PARTS
from posescope.errors import InputError
from posescope.explain.units.overlap import PartOverlap
from posescope.explain.units.selectivity import Selectivity
from posescope.explain.units.unit_table import draw_units, unit_table

AUC = np.array([[0.6, 0.9], [0.8, 0.5], [0.95, 0.2], [0.5, 0.55], [np.nan, np.nan]])
MARKED = np.array([[False, True], [True, False], [True, True], [False, False], [False, False]])
NONE = np.full((5, 2), np.nan)
SELECTIVITY = Selectivity(
    'backbone.layer1', ('nose', 'left_wrist'), AUC, NONE, NONE, NONE, NONE, MARKED, np.array([7, 9]), np.array([7, 9])
)


def overlap() -> PartOverlap:
    iou = np.zeros((5, len(BODY_PARTS)))
    iou[2, list(BODY_PARTS).index('head')] = 0.25
    return PartOverlap('backbone.layer1', tuple(BODY_PARTS), 0.005, np.zeros(5), iou, iou / 10)


def test_sorted_by_joint_and_then_by_auc() -> None:
    units = unit_table(SELECTIVITY, overlap())
    assert [(unit.channel, unit.joint, unit.auc) for unit in units] == [
        (2, 'nose', 0.95),
        (1, 'nose', 0.8),
        (0, 'left_wrist', 0.9),
    ]
    assert (units[0].part, units[0].iou, units[0].chance) == ('head', 0.25, 0.025)
    assert (units[1].part, units[1].iou) == ('', None)
    assert units[0].to_json()['low'] is None
    assert [unit.channel for unit in unit_table(SELECTIVITY, most=2)] == [2, 0]
    assert len(unit_table(SELECTIVITY, only_marked=False)) == 4
    with pytest.raises(InputError, match='take one layer'):
        unit_table(replace(SELECTIVITY, layer='neck'), overlap())


def test_drawn() -> None:
    figure = draw_units(SELECTIVITY, overlap())
    panel, bar = figure.axes
    np.testing.assert_allclose(panel.images[0].get_array(), AUC[[2, 1, 0]] - 0.5)
    assert [label.get_text() for label in panel.get_yticklabels()] == ['2 · head 0.25', '1', '0']
    dots = next(part for part in panel.collections if part.get_gid() == 'marked').get_offsets()
    assert {(int(x), int(y)) for x, y in dots} == {(0, 0), (1, 0), (0, 1), (1, 2)}
    assert bar.get_ylabel() == 'AUC − 1/2'
    assert 'rows: channel · part of the body, IoU' in figure.get_suptitle().replace('\n', ' ')
    assert '3 of 5 channels; 7 to 9 people a joint' in figure.get_suptitle().replace('\n', ' ')


def test_nothing_beyond_chance_is_told() -> None:
    with pytest.raises(InputError, match='only_marked=False'):
        draw_units(replace(SELECTIVITY, marked=np.zeros_like(MARKED)))
