"""Every figure renders without a warning, whatever the numbers, and its texts do not lie on each other."""

import itertools
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from posescope.capture.pictures import (
    CellGrid,
    Crop,
    draw_attention_heads,
    draw_attention_layers,
    draw_feature_maps,
    draw_joint_attention,
    draw_layer_grid,
    draw_principal_components,
    draw_stack_strip,
    to_rgb,
)
from posescope.capture.store.crops import crop_to_image
from posescope.errors import InputError
from tests.capture.pictures.drawn_crop import STYLE, drawn_crop

GRID = CellGrid((16, 16), (7.5, 7.5))
LONG = 'module.backbone.stage4.transitions.incre_modules.3.fuse_layers.2.branches.1.$downsample$.conv_bn_activation'

Draw = Callable[[Crop, np.ndarray], Figure]
DRAWINGS: dict[str, Draw] = {
    'features': lambda crop, maps: draw_feature_maps(crop, maps, GRID, LONG, joint='nose', opacity=0.7),
    'components': lambda crop, maps: draw_principal_components([crop], [maps], [GRID], [LONG], joint='nose'),
    'heads': lambda crop, maps: draw_attention_heads(crop, maps, GRID, 'nose', LONG),
    'layers_joints': lambda crop, maps: draw_attention_layers(crop, [maps[:2]] * 2, GRID, [LONG] * 2, ['nose', 1]),
    'energy': lambda crop, maps: draw_layer_grid(crop, [maps] * 2, [GRID] * 2, [LONG, 'head'], joint='nose'),
    'colours': lambda crop, maps: draw_layer_grid(crop, [maps], [GRID], [LONG], summary='components'),
    'strip': lambda crop, maps: draw_stack_strip(crop, maps[:2], GRID, [LONG, 'stack 2'], LONG, joint='nose'),
    'joints': lambda crop, maps: draw_joint_attention(np.resize(maps, (3, 3)), STYLE.joints, LONG),
}
MAPS = {
    'signed': np.random.default_rng(0).normal(size=(3, 6, 4)),
    'constant': np.full((3, 6, 4), 2.0),
    'nothing': np.full((3, 6, 4), np.nan),
    'gaps': np.where(np.random.default_rng(0).random((3, 6, 4)) < 0.2, np.inf, 0.5),
    'one cell': np.arange(2.0).reshape(2, 1, 1),
    'tiny': np.random.default_rng(0).random((3, 6, 4)) * 1e-30,
}


def rendered(figure: Figure) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        return to_rgb(figure)


SUMMARIES = ('features', 'components', 'energy', 'colours')
"""Drawings of a layer whose channels may be many."""


@pytest.mark.parametrize('drawing', SUMMARIES)
def test_many_channels(drawing: str) -> None:
    rendered(DRAWINGS[drawing](drawn_crop(), np.random.default_rng(0).random((2048, 6, 4))))


def test_too_many_panels_are_refused_at_once() -> None:
    with pytest.raises(InputError, match='panels are more than the 150 of a figure'):
        draw_attention_heads(drawn_crop(), np.ones((2048, 6, 4)), GRID, 'nose', 'a layer, by mistake')


@pytest.mark.parametrize(
    ('drawing', 'values'),
    [
        *((drawing, values) for drawing in DRAWINGS for values in ('nothing', 'gaps', 'one cell')),
        *(('features', values) for values in ('constant', 'tiny')),
        ('components', 'constant'),
    ],
)
def test_renders_without_warning(drawing: str, values: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        figure = DRAWINGS[drawing](drawn_crop(), MAPS[values])
    assert rendered(figure).std() > 1


@pytest.mark.parametrize('drawing', DRAWINGS)
def test_texts_do_not_overlap(drawing: str) -> None:
    figure = DRAWINGS[drawing](drawn_crop(), MAPS['signed'])
    rendered(figure)
    canvas = FigureCanvasAgg(figure)
    titles = [panel.title for panel in figure.axes if panel.get_title()]
    boxes = [text.get_window_extent() for text in (figure._suptitle, *titles)]  # type: ignore[attr-defined]
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    for box in boxes:
        assert box.x0 >= 0
        assert box.y1 <= canvas.get_width_height()[1]


@pytest.mark.parametrize(
    'crop',
    [
        drawn_crop(photograph=False),
        drawn_crop(keypoints=None),
        drawn_crop(keypoints=np.full((3, 2), np.nan)),
        drawn_crop(to_image=crop_to_image((50, 60), (60, 90), (64, 96), 30, False)),
        Crop(np.array([[8.0, 0, 0], [0, 0.2, 0]]), (64, 96), STYLE),
        Crop(np.array([[0.2, 0, 0], [0, 8.0, 0]]), (64, 96), STYLE),
    ],
    ids=['plain', 'no joints', 'unknown joints', 'rotated', 'flat', 'tall'],
)
@pytest.mark.parametrize('drawing', ['strip'])
def test_crops_of_all_kinds(drawing: str, crop: Crop) -> None:
    rendered(DRAWINGS[drawing](crop, MAPS['signed']))


@pytest.mark.parametrize('keypoints', [None, np.full((3, 2), np.nan)])
def test_no_ring_is_promised_where_there_is_none(keypoints: np.ndarray | None) -> None:
    figure = draw_feature_maps(drawn_crop(keypoints=keypoints), MAPS['signed'], GRID, 'head', joint='left_wrist')
    assert figure.get_suptitle().endswith('left wrist: nowhere predicted')
    figure = draw_feature_maps(drawn_crop(), MAPS['signed'], GRID, 'head', joint='left_wrist')
    assert figure.get_suptitle().endswith('ring: left wrist')
