"""Join the maps of all stages on the finest one."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, ModuleList
from mmpose.registry import MODELS
from torch import Tensor

__all__ = ['TopDownNeck']


@MODELS.register_module()
class TopDownNeck(BaseModule):
    """From the coarsest stage to the finest: enlarge, add a 1×1 convolution of the next stage, rectify.

    The path is that of a feature pyramid (arXiv 1612.03144); only its finest map is kept, so none of the others gets
    a convolution of its own.

    Args:
        in_channels: Channels of each stage, finest first.
        out_channels: Channels of the result.
        norm_cfg: Normalisation after each convolution.
        init_cfg: As in every module.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        norm_cfg: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        norm_cfg = norm_cfg or {'type': 'BN'}
        self.laterals = ModuleList(
            ConvModule(channels, out_channels, 1, norm_cfg=norm_cfg, act_cfg=None) for channels in in_channels
        )
        self.last = ConvModule(out_channels, out_channels, 3, padding=1, norm_cfg=norm_cfg)

    def forward(self, stages: Sequence[Tensor]) -> tuple[Tensor]:
        """Join maps (B, C_i, H_i, W_i), finest first, to one of (B, ``out_channels``, H_0, W_0)."""
        joined = None
        for lateral, stage in zip(reversed(self.laterals), reversed(stages), strict=True):
            here = lateral(stage)
            if joined is not None:
                here = here + F.interpolate(joined, size=here.shape[-2:], mode='nearest')
            joined = F.relu(here, inplace=True)
        return (self.last(joined),)
