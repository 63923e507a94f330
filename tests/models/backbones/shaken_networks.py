"""Small networks, and norms that do something."""

from typing import Any

import torch
from mmpose.registry import MODELS
from torch import nn

SLIM: dict[str, Any] = {'type': 'SlimResNet', 'widths': (4, 6, 6), 'blocks': (1, 2, 2)}
DEEP: dict[str, Any] = {'type': 'ResNet', 'depth': 50, 'base_channels': 4, 'stem_channels': 4, 'out_indices': (1, 2)}


def shaken(config: dict[str, Any]) -> nn.Module:
    """A network with norms that do something; in evaluation mode, and always the same."""
    torch.manual_seed(0)
    model = MODELS.build(config)
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            for tensor in (module.bias.data, module.running_mean):
                tensor.copy_(0.3 * torch.randn(tensor.shape, generator=generator))
    model.eval()
    return model
