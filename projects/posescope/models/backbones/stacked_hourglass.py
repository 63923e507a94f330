"""Stacked Hourglass of any width and depth, with or without its skip connections."""

from collections.abc import Sequence
from typing import Any

from mmcv.cnn import ConvModule
from mmengine.model import ModuleList
from mmpose.models.backbones.base_backbone import BaseBackbone
from mmpose.models.backbones.resnet import BasicBlock, ResLayer
from mmpose.registry import MODELS
from torch import Tensor, nn

from posescope.errors import InputError
from posescope.models.layers.hourglass import Hourglass

__all__ = ['StackedHourglass']

BATCH_NORM = {'type': 'BN'}
INIT: list[dict[str, Any]] = [
    {'type': 'Kaiming', 'layer': 'Conv2d'},
    {'type': 'Constant', 'val': 1, 'layer': ['_BatchNorm', 'GroupNorm']},
]


@MODELS.register_module()
class StackedHourglass(BaseBackbone):
    """Stacked Hourglass (`Newell et al. 2016 <https://arxiv.org/abs/1603.06937>`_); one map of stride 4 a stack.

    A head with one stage a stack, as MMPose's ``CPMHead(num_stages=stacks)``, supervises every stack and predicts from
    the last; a head that takes the last map, as ``HeatmapHead``, leaves the others to the gradient that passes through.

    As in MMPose's ``HourglassNet`` heads stand outside, so what enters the next stack is a 1×1 remap of the features
    that a stack's heatmaps are computed from, and not also one of the heatmaps, as in the paper: a 1×1 head's heatmaps
    are a linear map of these very features, which the remap can contain. At ``width=256`` everything equals
    ``HourglassNet`` with ``stage_channels`` of 256 throughout; that class fixes the stem to 256 channels, has no way
    without skips, and takes even maps only.

    Stages that can be tapped: ``stem`` (stride 4), ``hourglasses.<i>`` and in it ``up1``, ``gate``, ``low1``, ``low2``,
    ``low3``, level by level, and ``out_convs.<i>``, which are the outputs.

    Args:
        stacks: Number of hourglasses.
        width: Channels everywhere but in the stem's first convolution, which has half of them.
        depth: How often a hourglass halves its map.
        skip: The branch that passes a level by: ``'add'``, ``'none'`` (not built) or ``'gate'`` (weighed by a learned
            1×1 gate that starts open). The path around a whole hourglass, into the next stack, stays in any case.
        blocks: Residual blocks a branch; a number for every level, or ``depth + 1`` of them from the outermost level to
            the innermost branch.
        in_channels: Channels of the picture.
        norm_cfg: Normalisation after each convolution.
        init_cfg: As in every MMPose backbone.

    Raises:
        InputError: A number below 1, an odd width, ``blocks`` of another length, or an unknown ``skip``.
    """

    def __init__(
        self,
        stacks: int = 2,
        width: int = 64,
        depth: int = 3,
        skip: str = 'add',
        blocks: int | Sequence[int] = 1,
        in_channels: int = 3,
        norm_cfg: dict[str, Any] = BATCH_NORM,
        init_cfg: dict[str, Any] | list[dict[str, Any]] | None = INIT,
    ) -> None:
        super().__init__(init_cfg)
        every = [blocks] * (depth + 1) if isinstance(blocks, int) else list(blocks)
        _check(stacks, width, depth, every)
        norm_cfg = dict(norm_cfg)
        self.stem = nn.Sequential(
            ConvModule(in_channels, width // 2, 7, stride=2, padding=3, norm_cfg=norm_cfg),
            ResLayer(BasicBlock, 1, width // 2, width, stride=2, norm_cfg=norm_cfg),
        )
        self.hourglasses = ModuleList([Hourglass(width, every, skip, norm_cfg) for _ in range(stacks)])
        self.out_convs = ModuleList([ConvModule(width, width, 3, padding=1, norm_cfg=norm_cfg) for _ in range(stacks)])
        between = stacks - 1
        linear: dict[str, Any] = {'norm_cfg': norm_cfg, 'act_cfg': None}
        self.input_remaps = ModuleList([ConvModule(width, width, 1, **linear) for _ in range(between)])
        self.output_remaps = ModuleList([ConvModule(width, width, 1, **linear) for _ in range(between)])
        self.merges = ModuleList([ResLayer(BasicBlock, 1, width, width, norm_cfg=norm_cfg) for _ in range(between)])

    def train(self, mode: bool = True) -> 'StackedHourglass':
        """Switch to training or evaluation; unlike the host's, this returns self."""
        super().train(mode)
        return self

    def forward(self, x: Tensor) -> list[Tensor]:
        """Extract features.

        Args:
            x: Pictures (B, in_channels, H, W).

        Returns:
            A map (B, width, ⌈H / 4⌉, ⌈W / 4⌉) for each stack.
        """
        x = self.stem(x)
        outputs = [self.out_convs[0](self.hourglasses[0](x))]
        for hourglass, out_conv, input_remap, output_remap, merge in zip(
            self.hourglasses[1:], self.out_convs[1:], self.input_remaps, self.output_remaps, self.merges, strict=True
        ):
            x = merge((input_remap(x) + output_remap(outputs[-1])).relu())
            outputs.append(out_conv(hourglass(x)))
        return outputs


def _check(stacks: int, width: int, depth: int, blocks: list[int]) -> None:
    """Refuse numbers that describe no network."""
    for name, value in (('stacks', stacks), ('width', width), ('depth', depth), ('blocks', min(blocks, default=0))):
        if value < 1:
            raise InputError(f'StackedHourglass {name}={value}: it has to be 1 or more')
    if width % 2:
        raise InputError(f'StackedHourglass width={width}: it has to be even, e.g. {width + 1}; the stem takes half')
    if len(blocks) != depth + 1:
        raise InputError(f'StackedHourglass blocks={blocks}: depth={depth} takes {depth + 1} numbers, or a single one')
