import pytest
import torch

from posescope.capture.taps import Taps
from posescope.errors import InputError
from posescope.explain.depth.layer_maps import LayerMaps
from tests.explain.small_models import crops, function


def test_stages_are_read_in_one_pass() -> None:
    made, inputs = function('resnet'), crops()
    maps = LayerMaps(made, inputs)
    assert list(maps.layers) == [f'backbone.layer{stage}' for stage in (1, 2, 3, 4)]
    assert [layer.size for layer in maps.layers.values()] == [(32, 24), (16, 12), (8, 6), (4, 3)]
    found = maps.of(inputs)
    with torch.no_grad(), Taps(made.model, list(maps.layers)) as taps:
        made(inputs)
    for name, tensor in found.items():
        assert torch.equal(tensor, taps.outputs[name][0])
        assert not tensor.requires_grad


def test_each_output_of_a_stage_is_a_layer() -> None:
    maps = LayerMaps(function('hrnet'), crops(), ['backbone.stage3'])
    assert {name: layer.size for name, layer in maps.layers.items()} == {
        'backbone.stage3[0]': (32, 24),
        'backbone.stage3[1]': (16, 12),
        'backbone.stage3[2]': (8, 6),
    }


def test_tokens_become_maps() -> None:
    found = LayerMaps(function('vit'), crops(), ['backbone.layers.0']).of(crops(3))
    assert found['backbone.layers.0'].shape == (3, 32, 8, 6)


@pytest.mark.parametrize(
    ('layers', 'message'),
    [
        (['backbone.layer9'], 'nearest: backbone.layer4'),
        (['backbone.layer4', 'neck'], 'no map of the picture'),
        (['head.loss_module'], 'not called'),
    ],
)
def test_others_are_refused(layers: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LayerMaps(function('regression'), crops(), layers)
