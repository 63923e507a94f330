"""Channels that are held or taken out, against whole networks in which they are silent."""

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS
from torch import nn

from posescope.errors import InputError
from tests.models.backbones.shaken_networks import DEEP, SLIM, shaken

PICTURE = torch.randn(2, 3, 64, 48, generator=torch.Generator().manual_seed(1))


def pruned(backbone: dict, **options) -> nn.Module:
    return MODELS.build({'type': 'PrunedBackbone', 'backbone': backbone, 'input_size': (48, 64), **options})


def with_output(whole: nn.Module, name: str, channels: list[int], value: float) -> tuple[torch.Tensor, ...]:
    """What a network gives when channels of a part's output are overwritten."""

    def overwrite(module, inputs, output):
        output = output.clone()
        output[:, channels] = value
        return output

    handle = whole.get_submodule(name).register_forward_hook(overwrite)
    try:
        return whole(PICTURE)
    finally:
        handle.remove()


@torch.no_grad()
def test_silent_channels_and_channels_at_their_mean():
    whole = shaken(SLIM)
    before = whole(PICTURE)
    for options, value in (
        ({'how': 'silence'}, 0.0),
        ({'how': 'mean', 'means': {'layer2': [0, 0.7, 0, 0, 0.7, 0]}}, 0.7),
    ):
        model = pruned(SLIM, channels={'layer2': [1, 4]}, **options)
        assert set(model.state_dict()) == set(whole.state_dict())
        model.load_state_dict(whole.state_dict())
        model.eval()
        expected = with_output(whole, 'layer2', [1, 4], value)
        for one, other in zip(model(PICTURE), expected, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-6)
        assert (expected[-1] - before[-1]).abs().max() > 1e-3


@pytest.mark.parametrize(
    ('backbone', 'conv', 'norm', 'channels'),
    [
        (SLIM, 'layer2.0.conv1', 'layer2.0.bn1', [0, 5]),
        (DEEP, 'layer2.1.conv1', 'layer2.1.bn1', [1]),
        (DEEP, 'layer3.0.conv2', 'layer3.0.bn2', [0, 3, 7]),
    ],
)
@torch.no_grad()
def test_slim_networks_are_silent_ones_with_fewer_weights(backbone, conv, norm, channels):
    whole = shaken(backbone)
    model = pruned(backbone, how='slim', channels={conv: channels})
    load_state_dict(model, whole.state_dict(), strict=True)
    model.eval()
    expected = with_output(whole, norm, channels, 0.0)
    for one, other in zip(model(PICTURE), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
    first, after = model.get_submodule(conv), model.get_submodule(conv[:-1] + str(int(conv[-1]) + 1))
    removed = len(channels) * (first.weight[0].numel() + 2 + after.weight[:, 0].numel())

    def count(network: nn.Module) -> int:
        return sum(each.numel() for each in network.parameters())

    assert count(model) == count(whole) - removed
    again = pruned(backbone, how='slim', channels={conv: channels})
    again.load_state_dict(model.state_dict())  # its own checkpoint fits as well
    again.eval()
    assert torch.equal(again(PICTURE)[-1], model(PICTURE)[-1])


def test_a_slim_network_learns():
    model = pruned(SLIM, how='slim', channels={'layer2.0.conv1': [0, 5]})
    model.init_weights()
    nn.init.ones_(model.layer2[0].norm2.weight)  # blocks start as their shortcuts
    model(PICTURE)[1].square().mean().backward()
    assert model.layer2[0].conv1.weight.grad.any()
    assert model.layer2[0].conv1.out_channels == model.layer2[0].bn1.num_features == 4


def test_a_placebo_takes_as_many_others():
    drawn = []
    for seed in (0, 0, 1):
        model = pruned(SLIM, channels={'layer2': [1, 4]}, placebo=seed)
        drawn.append((model.layer2.passing_channels == 0).nonzero().flatten().tolist())
        assert len(set(drawn[-1]) - {1, 4}) == 2
    assert drawn[0] == drawn[1]
    most = pruned(SLIM, channels={'layer2': [0, 1, 2, 3]}, placebo=0)
    assert (most.layer2.passing_channels == 0).sum() == 4


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'channels': {'layer2': [6]}}, 'layer2 has channels 0 to 5, not 6'),
        ({'channels': {'layr2': [0]}}, "PrunedBackbone channels='layr2': .* nearest: layer2"),
        ({'channels': {'layer2': [0]}, 'how': 'slm'}, "how='slm': choose silence, mean, slim .nearest: slim."),
        ({'channels': {'layer2': [0]}, 'how': 'mean'}, r"means\['layer2'\] has 0 numbers; give 6"),
        ({'channels': {'layer2.0.conv2': [0]}, 'how': 'slim'}, 'cannot take channels out of layer2.0.conv2'),
        ({'channels': {'layer2.0.conv1': range(6)}, 'how': 'slim'}, 'leaves no channel of layer2.0.conv1'),
    ],
)
def test_bad_input_is_named_in_one_line(options, message):
    with pytest.raises(InputError, match=message):
        pruned(SLIM, **options)
