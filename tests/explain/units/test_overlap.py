import json
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from posescope.data.body_parts import BODY_PARTS
from posescope.errors import InputError
from posescope.explain.attribution.spatial_layer import find_spatial_layer
from posescope.explain.pose_function import PoseFunction
from posescope.explain.units.overlap import part_overlap, top_thresholds
from tests.explain.small_models import crops, fresh, function

HAND, TORSO = list(BODY_PARTS).index('left_hand'), list(BODY_PARTS).index('torso')


class Rectangles(nn.Module):
    """Channel 0 is 1 on cells 4 … 9 by 5 … 8 and less elsewhere, channel 1 never changes, all else is -channel 0."""

    def forward(self, inputs: Tensor) -> tuple[Tensor]:
        maps = torch.zeros(len(inputs), 64, 32, 24)
        maps[:, 0, 4:10, 5:9] = 1
        maps[:, 2:] = -maps[:, :1]
        return (maps,)


def rectangles() -> PoseFunction:
    made = fresh('resnet')
    made.model.backbone = Rectangles()
    return made


def test_a_closed_form() -> None:
    parts = np.zeros((2, 128, 96), np.uint8)
    parts[:, 20:40, 20:30] = BODY_PARTS['left_hand']
    parts[0, 60:70, 60:70] = BODY_PARTS['torso']
    # The share of cells that are 1: 24 of 768. Cells of four pixels have their centres at 1.5, 5.5, …
    found = part_overlap(rectangles(), crops(2), parts, 'backbone', quantile=24 / 768)
    rows, columns = range(18, 38), range(22, 34)  # between the outermost cells' centres
    assert found.threshold[0] == 1
    on, hand = len(rows) * len(columns), 20 * 10
    shared = len(set(rows) & set(range(20, 40))) * len(set(columns) & set(range(20, 30)))
    assert found.iou[0, HAND] == pytest.approx(shared / (on + hand - shared))
    expected = 2 * on * 2 * hand / parts.size
    assert found.chance[0, HAND] == pytest.approx(expected / (2 * on + 2 * hand - expected))
    assert found.iou[0, TORSO] == 0
    assert found.best_part()[0] == 'left_hand'
    assert np.isnan(found.iou[0, list(BODY_PARTS).index('skirt')])
    content = found.to_json()
    assert content['threshold'][1] is None
    json.dumps(content, allow_nan=False)


def test_a_channel_that_never_changes_is_nowhere_on() -> None:
    parts = np.full((1, 128, 96), BODY_PARTS['head'], np.uint8)
    found = part_overlap(rectangles(), crops(1), parts, 'backbone', quantile=0.2)
    assert found.best_part()[1] == ''
    assert found.iou[1, 0] == 0
    # A fifth of the cells is more than are above zero: those at zero are not on for it.
    assert 0 < found.iou[0, 0] < 0.05


def test_pixels_that_count() -> None:
    """Half of the rectangle is left: its cells 4 … 6 are on, as is a part of what is interpolated."""
    parts = np.full((1, 128, 96), BODY_PARTS['head'], np.uint8)
    parts[:, 28:] = BODY_PARTS['torso']
    within = np.zeros(parts.shape, bool)
    within[:, :28] = True
    found = part_overlap(rectangles(), crops(1), parts, 'backbone', quantile=12 / (7 * 24), within=within)
    rows, columns = range(18, 28), range(22, 34)
    assert found.iou[0, 0] == pytest.approx(len(rows) * len(columns) / (28 * 96))
    assert np.isnan(found.iou[0, TORSO])
    with pytest.raises(InputError, match='a pixel that counts'):
        part_overlap(rectangles(), crops(1), parts, 'backbone', within=~np.ones(parts.shape, bool))


def test_thresholds_are_order_statistics() -> None:
    made, inputs = function('resnet'), crops(5)
    spatial = find_spatial_layer(made, inputs, 'backbone.layer1')
    with torch.no_grad():
        maps = made.model.backbone.layer1(made.model.backbone.maxpool(made.model.backbone.relu(
            made.model.backbone.norm1(made.model.backbone.conv1(inputs))
        )))  # fmt: skip
    values = maps.transpose(0, 1).flatten(1).numpy()
    count = math.ceil(0.01 * values.shape[1])
    expected = np.sort(values, axis=1)[:, -count]
    np.testing.assert_allclose(top_thresholds(made, inputs, spatial, 0.01, batch_size=2), expected, atol=1e-5)


@pytest.mark.parametrize(
    ('shape', 'quantile', 'what'), [((1, 64, 96), 0.1, 'have to be'), ((2, 128, 96), 1.0, 'share')]
)
def test_wrong_options_are_refused(shape: tuple[int, ...], quantile: float, what: str) -> None:
    with pytest.raises(InputError, match=what):
        part_overlap(function('resnet'), crops(2), np.zeros(shape, np.uint8), quantile=quantile)
