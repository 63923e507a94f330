import numpy as np
import pytest
import torch

from posescope.errors import InputError
from posescope.explain.attribution.spatial_layer import find_spatial_layer
from posescope.explain.units.channel_maps import channel_maps, channel_moments, check_channels
from tests.explain.small_models import crops, function


@pytest.mark.parametrize(('name', 'layer'), [('resnet', 'backbone.layer2'), ('vit', 'backbone.layers.0')])
def test_maps_are_what_a_hook_sees(name: str, layer: str) -> None:
    made, inputs, seen = function(name), crops(3), []
    handle = made.model.get_submodule(layer).register_forward_hook(lambda _, __, output: seen.append(output.clone()))
    with torch.no_grad():
        made(inputs)
    handle.remove()
    expected = seen[0] if seen[0].ndim == 4 else seen[0].transpose(1, 2).unflatten(2, (8, 6))
    spatial = find_spatial_layer(made, inputs, layer)
    batches = list(channel_maps(made, inputs, spatial, batch_size=2))
    assert [some for some, _ in batches] == [slice(0, 2), slice(2, 3)]
    torch.testing.assert_close(torch.cat([maps for _, maps in batches]), expected, atol=1e-5, rtol=1e-4)
    moments = channel_moments(made, inputs, spatial)
    np.testing.assert_allclose(moments.mean, expected.double().mean((2, 3)), atol=1e-5)
    np.testing.assert_allclose(moments.square, expected.double().square().mean((2, 3)), atol=1e-5)


@pytest.mark.parametrize(
    ('channels', 'what'), [([], 'one or more'), ([1, 1], 'each once'), ([8], 'channels 0 to 7'), ([-1], 'channel -1')]
)
def test_wrong_channels_are_refused(channels: list[int], what: str) -> None:
    with pytest.raises(InputError, match=what):
        check_channels(channels, 8, 'backbone.layer1')
