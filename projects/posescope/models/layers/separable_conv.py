"""A depthwise 3×3 convolution followed by a pointwise one."""

from typing import Any

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

__all__ = ['SeparableConv']


class SeparableConv(BaseModule):
    """Depthwise 3×3 without bias, then 1×1 with bias (or normalisation) and ReLU, as Keras' ``SeparableConv2D``.

    Nothing stands between the two, unlike in mmcv's ``DepthwiseSeparableConvModule``.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        norm_cfg: Normalisation after the 1×1 convolution; None for a bias instead.
    """

    def __init__(self, in_channels: int, out_channels: int, norm_cfg: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False)
        self.pointwise = ConvModule(in_channels, out_channels, 1, norm_cfg=norm_cfg, act_cfg={'type': 'ReLU'})

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, out_channels, H, W)."""
        return self.pointwise(self.depthwise(x))
