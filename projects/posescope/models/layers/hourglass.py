"""One hourglass: down to a coarse map, up again, and a skip branch on every level."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from mmengine.model import BaseModule
from mmpose.models.backbones.resnet import BasicBlock, ResLayer
from torch import Tensor, nn

from posescope.errors import InputError, nearest

__all__ = ['SKIPS', 'Hourglass', 'SkipGate']

SKIPS = ('add', 'none', 'gate')


class SkipGate(BaseModule):
    """Let a learned share of a map through: x · σ(W x + b), with a 1×1 convolution.

    Initial weights are zero and the initial bias ``OPEN``, so the gate starts as a factor of .982 at every place and
    in every channel, whatever it is shown.

    Args:
        channels: Channels of the map.
    """

    OPEN = 4.0

    def __init__(self, channels: int) -> None:
        super().__init__({'type': 'Constant', 'layer': 'Conv2d', 'val': 0, 'bias': self.OPEN})
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Weigh a map (B, C, H, W) with the gate that it opens itself."""
        return x * self.conv(x).sigmoid()


class Hourglass(BaseModule):
    """One level of an hourglass, with the next one inside.

    ``low1`` halves the map, ``low2`` is the next level (or blocks, on the innermost one), ``low3`` follows it, and
    nearest neighbours enlarge the result to the size that came in, odd ones included. ``up1`` carries the level's own
    resolution past all that. Blocks and names are those of MMPose's ``HourglassModule``, whose weights fit.

    Args:
        width: Channels on every level.
        blocks: Residual blocks in ``up1``, ``low1`` and ``low3`` of this level and of each one inside it, and last in
            the innermost ``low2``: one number more than there are levels.
        skip: What happens to ``up1``: ``'add'`` adds it, ``'gate'`` adds what a :class:`SkipGate` lets through,
            ``'none'`` builds no such branch.
        norm_cfg: Normalisation after each convolution.

    Raises:
        InputError: ``skip`` is none of these.
    """

    def __init__(self, width: int, blocks: Sequence[int], skip: str, norm_cfg: dict[str, Any]) -> None:
        super().__init__()
        if skip not in SKIPS:
            raise InputError(f"skip='{skip}': choose 'add', 'none' or 'gate' (nearest: {nearest(skip, SKIPS, 1)})")

        def residual(number: int, **kwargs: Any) -> Any:
            return ResLayer(BasicBlock, number, width, width, norm_cfg=norm_cfg, **kwargs)

        here, *inside = blocks
        self.up1 = residual(here) if skip != 'none' else None
        self.gate = SkipGate(width) if skip == 'gate' else None
        self.low1 = residual(here, stride=2)
        self.low2 = Hourglass(width, inside, skip, norm_cfg) if len(inside) > 1 else residual(inside[0])
        self.low3 = residual(here, downsample_first=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        low = self.low3(self.low2(self.low1(x)))
        up = F.interpolate(low, size=x.shape[-2:], mode='nearest')
        if self.up1 is None:
            return up
        skip = self.up1(x)
        return up + (skip if self.gate is None else self.gate(skip))
