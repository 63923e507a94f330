from typing import Any

import pytest
import torch
from mmpose.registry import MODELS
from torch import nn

from posescope.capture.stages import stages_of
from posescope.capture.taps import Taps
from posescope.errors import InputError
from tests.capture.model_runs import model_config

STAGES = {
    'resnet': ['layer1', 'layer2', 'layer3', 'layer4'],
    'hrnet': ['layer1', 'stage2', 'stage3', 'stage4'],
    'hrformer': ['layer1', 'stage2', 'stage3', 'stage4'],
    'rtmpose': ['stage1', 'stage2', 'stage3', 'stage4'],
    'hourglass': ['hourglass_modules.0', 'hourglass_modules.1'],
    'stacked_hourglass': ['hourglasses.0', 'hourglasses.1'],
    'vit': ['layers.0', 'layers.1'],
    # Of seven, evenly spaced ones with the last.
    'movenet': ['layer3', 'layer4', 'layer5', 'layer7'],
}


@pytest.mark.parametrize('name', list(STAGES))
def test_stages_of_backbones(name: str) -> None:
    model = MODELS.build(model_config(name))
    assert stages_of(model) == [f'backbone.{stage}' for stage in STAGES[name]]


def test_of_many_blocks_some() -> None:
    config = model_config('vit')
    config['backbone'] = {**config['backbone'], 'arch': {**config['backbone']['arch'], 'num_layers': 12}}
    assert stages_of(MODELS.build(config)) == [f'backbone.layers.{i}' for i in (3, 6, 8, 11)]


@pytest.mark.parametrize(
    ('config', 'stages'),
    [
        (
            {'type': 'PyramidVisionTransformerV2', 'embed_dims': 4, 'num_layers': [1, 1, 1, 1]},
            [f'layers.{i}.2' for i in range(4)],  # lists of patch embedding, blocks and norm
        ),
        (
            {
                'type': 'PyramidVisionTransformer',
                'embed_dims': 4,
                'num_layers': [1, 1, 1, 1],
                'pretrain_img_size': (128, 96),
                'use_abs_pos_embed': False,
            },
            [f'layers.{i}.2' for i in range(4)],
        ),
        ({'type': 'VGG', 'depth': 11, 'norm_cfg': None}, [f'features.{i}' for i in (3, 6, 9, 12)]),
    ],
    ids=['PVTv2', 'PVT', 'VGG'],
)
def test_stages_that_no_module_around_them_calls(config: dict[str, Any], stages: list[str]) -> None:
    model = nn.Module()
    model.backbone = MODELS.build(config)
    model.eval()
    names = stages_of(model)
    assert names == [f'backbone.{stage}' for stage in stages]
    with torch.no_grad(), Taps(model, names) as taps:
        outputs = model.backbone(torch.rand(1, 3, 128, 96, generator=torch.Generator().manual_seed(0)))
        taps.finish(1)  # each was called
        last = taps.outputs[names[-1]][0]
    if config['type'] == 'VGG':
        assert torch.equal(last, outputs[-1])
    else:
        assert torch.equal(last.mT.reshape(outputs[-1].shape), outputs[-1])


def test_wrapped_and_compiled() -> None:
    model = MODELS.build(model_config('resnet'))
    plain = stages_of(model)
    assert stages_of(torch.compile(model, backend='eager')) == plain
    model.backbone = torch.compile(model.backbone, backend='eager')
    assert stages_of(model) == plain


def test_backbone_without_stages() -> None:
    model = nn.Module()
    model.backbone = nn.Conv2d(3, 4, 1)
    assert stages_of(model) == ['backbone']
    with pytest.raises(InputError, match="layers='stages': Conv2d has no backbone"):
        stages_of(model.backbone)
