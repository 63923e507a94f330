"""The feature pyramid of MoveNet: from stride 32 up to one map of stride 4."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from posescope.models.layers import SeparableConv

__all__ = ['MoveNetFPN']


class MoveNetFPN(BaseModule):
    """Merge four maps of falling stride into the finest one.

    Going up, the coarser map is enlarged bilinearly to the size of the next, added to a 1×1 convolution of it
    (``lateral.stride*``), and smoothed by a separable convolution (``smooth.stride*``) that also brings the channels
    of the level above.

    Args:
        in_channels: Channels of the maps of stride 4, 8, 16, 32.
        channels: Channels of the merged maps of stride 4, 8, 16; the output has those of stride 4.
        norm_cfg: Normalisation in the smoothing convolutions; None for a bias instead.
    """

    STRIDES = (4, 8, 16)

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: Sequence[int] = (24, 32, 64),
        norm_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        *fine, coarsest = in_channels
        finer = (channels[0], *channels[:-1])
        self.top = nn.Conv2d(coarsest, channels[-1], 1)
        self.lateral = nn.ModuleDict()
        self.smooth = nn.ModuleDict()
        for stride, width, merged, narrower in zip(self.STRIDES, fine, channels, finer, strict=True):
            self.lateral[f'stride{stride}'] = nn.Conv2d(width, merged, 1)
            self.smooth[f'stride{stride}'] = SeparableConv(merged, narrower, norm_cfg)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Merge the maps.

        Args:
            features: Maps (B, C_i, H / s, W / s) for s = 4, 8, 16, 32.

        Returns:
            The map (B, channels[0], H / 4, W / 4).
        """
        *fine, coarsest = features
        x = self.top(coarsest)
        for stride, feature in zip(reversed(self.STRIDES), reversed(fine), strict=True):
            x = F.interpolate(x, size=feature.shape[-2:], mode='bilinear', align_corners=False)
            x = self.smooth[f'stride{stride}'](x + self.lateral[f'stride{stride}'](feature))
        return x
