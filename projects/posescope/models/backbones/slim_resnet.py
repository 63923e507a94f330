"""A ResNet whose stages are as wide as one says."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule, constant_init, kaiming_init
from mmpose.models.backbones.resnet import BasicBlock, ResLayer
from mmpose.registry import MODELS
from torch import Tensor, nn

__all__ = ['SlimResNet']


@MODELS.register_module()
class SlimResNet(BaseModule):
    """ResNet of basic blocks (arXiv 1512.03385) in which no stage has to be twice as wide as the one before.

    In a ResNet-18 the last stage has three quarters of all weights, on maps of a few cells. Where data are few and time
    is short, these are slow to move and quick to learn by heart. Everything else, names included, is as in MMPose's
    ``ResNet(avg_down=True)``, whose weights fit where widths agree.

    Args:
        widths: Channels of each stage; the first one has stride 4, each further one twice as much.
        blocks: Basic blocks of each stage.
        norm_cfg: Normalisation after each convolution.
        init_cfg: As in every module; None initialises as MMPose's ResNet does.
    """

    def __init__(
        self,
        widths: Sequence[int] = (32, 64, 128, 128),
        blocks: Sequence[int] = (2, 2, 2, 2),
        norm_cfg: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        norm_cfg = norm_cfg or {'type': 'BN'}
        self.conv1 = nn.Conv2d(3, widths[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = build_norm_layer(norm_cfg, widths[0])[1]
        self.stages = []
        before = widths[0]
        for index, (width, number) in enumerate(zip(widths, blocks, strict=True)):
            stride = 1 if index == 0 else 2
            name = f'layer{index + 1}'
            self.add_module(
                name, ResLayer(BasicBlock, number, before, width, stride=stride, avg_down=True, norm_cfg=norm_cfg)
            )
            self.stages.append(name)
            before = width

    def init_weights(self) -> None:
        """Initialise; the last normalisation of each block with 0, so that it starts as its shortcut."""
        super().init_weights()
        if self.init_cfg is not None:
            return
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                kaiming_init(module)
            elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
                constant_init(module, 1)
        for module in self.modules():
            if isinstance(module, BasicBlock):
                constant_init(module.norm2, 0)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map pictures (B, 3, H, W) to the maps (B, widths[i], H / 2^(2+i), W / 2^(2+i)) of all stages."""
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        maps = []
        for name in self.stages:
            x = getattr(self, name)(x)
            maps.append(x)
        return tuple(maps)
