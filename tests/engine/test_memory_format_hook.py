"""Channels-last weights compute the same."""

from types import SimpleNamespace

import torch
from mmpose.registry import HOOKS


def test_only_the_layout_changes():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Conv2d(8, 4, 1)).eval()
    inputs = torch.randn(2, 3, 9, 9)
    before, weights = model(inputs), {name: each.clone() for name, each in model.state_dict().items()}
    HOOKS.build({'type': 'ChannelsLastHook'}).before_run(SimpleNamespace(model=model))
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)
    after = model(inputs)
    assert after.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(after, before)
    assert all(torch.equal(each, weights[name]) for name, each in model.state_dict().items())
