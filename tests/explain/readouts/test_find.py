import copy
import re

import pytest
import torch
from torch import nn

from posescope.errors import InputError
from posescope.explain.readouts import find_readout
from tests.capture.pose_models import build


@pytest.mark.parametrize(
    ('name', 'called'),
    [
        ('bottomup', 'BottomupPoseEstimator with AssociativeEmbeddingHead'),
        ('onestage', 'BottomupPoseEstimator with YOLOXPoseHead'),
    ],
)
def test_models_that_are_not_top_down_are_refused_by_name(name: str, called: str) -> None:
    with pytest.raises(InputError, match=f'^{called} cannot be explained: explain needs a top-down model'):
        find_readout(build(name))


def test_other_networks_are_refused() -> None:
    with pytest.raises(InputError, match=r'^Linear with NoneType cannot be explained'):
        find_readout(nn.Linear(1, 1))


def test_a_head_without_codec_is_refused() -> None:
    model = build('resnet')
    model.head.decoder = None
    with pytest.raises(InputError, match=re.escape('HeatmapHead has no codec: set head.decoder in the config')):
        find_readout(model)


def test_an_unknown_codec_is_refused_with_those_that_are_read() -> None:
    model = build('resnet')
    model.head.decoder = copy.copy(model.head.decoder)
    model.head.decoder.heatmap_size = (24, 32, 16)  # as of Hand3DHeatmap
    with pytest.raises(InputError, match='codec MSRAHeatmap cannot be explained: explain reads heatmaps'):
        find_readout(model)


def test_wrappers_are_looked_through() -> None:
    model = build('resnet')
    assert find_readout(torch.compile(model, backend='eager')).head is model.head
