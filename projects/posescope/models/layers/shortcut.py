"""What stays of a stage that is bypassed."""

from typing import Any

import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

__all__ = ['Passing', 'ProjectedShortcut', 'ResidualShortcut']


class Passing(BaseModule):
    """Gives its first input, whatever else a block is told (blocks of Swin and PVT are told rows and columns)."""

    def forward(self, x: Tensor, *unused: Any, **more: Any) -> Tensor:
        """Map a tensor to itself."""
        return x


class ResidualShortcut(BaseModule):
    """A residual block without its residual: relu(shortcut(x)), what the block gives where its branch gives zero.

    Args:
        downsample: The block's own shortcut, with its name and weights; None where that is the identity.
    """

    def __init__(self, downsample: nn.Module | None) -> None:
        super().__init__()
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) as the block's shortcut does."""
        return F.relu(x if self.downsample is None else self.downsample(x))


class ProjectedShortcut(BaseModule):
    """Average over patches, then a 1×1 convolution with normalisation.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Rows and columns of a patch.
        norm_cfg: Normalisation.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: tuple[int, int], norm_cfg: dict[str, Any]) -> None:
        super().__init__()
        self.stride = stride
        self.conv = ConvModule(in_channels, out_channels, 1, norm_cfg=norm_cfg, act_cfg=None)

    def forward(self, x: Tensor, *unused: Any, **more: Any) -> Tensor:
        """Map (B, in_channels, H, W) to (B, out_channels, ⌈H / stride⌉, ⌈W / stride⌉)."""
        pooled = F.avg_pool2d(x, self.stride, ceil_mode=True, count_include_pad=False)
        projected: Tensor = self.conv(pooled)
        return projected
