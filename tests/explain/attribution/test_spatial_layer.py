import pytest
import torch

from posescope.capture.taps import Taps
from posescope.errors import InputError
from posescope.explain.attribution.spatial_layer import find_spatial_layer
from tests.explain.small_models import crops, function


@pytest.mark.parametrize(
    ('name', 'layer', 'size', 'form'),
    [
        ('resnet', 'backbone.layer1', (32, 24), 'maps'),
        ('resnet', None, (4, 3), 'maps'),
        ('regression', None, (4, 3), 'maps'),
        ('hrnet', None, (32, 24), 'maps'),
        ('vit', 'backbone.layers.1', (8, 6), 'tokens'),
    ],
)
def test_layers_are_found_with_their_shape(name: str, layer: str | None, size: tuple[int, int], form: str) -> None:
    found = find_spatial_layer(function(name), crops(), layer)
    assert found.size == size
    assert found.form == form
    assert found.grid.scale == (128 / size[0], 96 / size[1])


def test_tokens_are_laid_out_as_the_backbone_does() -> None:
    made, inputs = function('vit'), crops()
    layer = find_spatial_layer(made, inputs, 'backbone.layers.1')
    with torch.no_grad(), Taps(made.model, ['backbone.layers.1', 'backbone']) as taps:
        made(inputs)
        maps = layer.maps(made.model.backbone.ln1(taps.outputs['backbone.layers.1'][0]))
        torch.testing.assert_close(maps, taps.outputs['backbone[0]'][0])


@pytest.mark.parametrize(
    ('name', 'layer', 'message'),
    [
        ('regression', 'neck', 'no spatial axes'),
        ('simcc', 'head.mlp_head_x', 'no spatial axes'),
        ('hrnet', 'backbone', r'several outputs: choose one of backbone\[0\], backbone\[1\]'),
        ('resnet', 'backbone.layer9', 'nearest: backbone.layer4'),
        ('resnet', 'backbone.layer1.0.relu', 'runs 2 times'),
    ],
)
def test_others_are_refused(name: str, layer: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_spatial_layer(function(name), crops(), layer)
