"""MoveNet's backbone: MobileNetV2 in TensorFlow's padding, with a feature pyramid on top."""

from typing import Any

from mmcv.cnn import ConvModule
from mmengine.model import kaiming_init
from mmpose.models.backbones.mobilenet_v2 import InvertedResidual, MobileNetV2
from mmpose.models.backbones.utils import make_divisible
from mmpose.registry import MODELS
from torch import Tensor, nn

from posescope.models.backbones.movenet_fpn import MoveNetFPN

__all__ = ['MoveNetBackbone']

# TensorFlow pads a stride-2 convolution on an even input by 0 before and 1 after, PyTorch by 1 and 1.
SAME_PADDING = {'type': 'Conv2dAdaptivePadding'}


@MODELS.register_module()
class MoveNetBackbone(MobileNetV2):
    """MobileNetV2 and FPN of Google's MoveNet (2021); the output is a tuple with one map of stride 4.

    Input is RGB scaled to [-1, 1]. Stages that can be tapped: ``conv1`` (stride 2), ``layer1`` to ``layer7`` (stride 2,
    4, 8, 16, 16, 32, 32) with their inverted residual blocks, ``conv2``, and ``fpn.top``, ``fpn.lateral.stride16``,
    ``fpn.smooth.stride16`` and so on down to ``fpn.smooth.stride4``, which is the output.

    In the released weights batch normalisation is folded into the convolutions, so ``norm_cfg`` is None and every
    convolution has a bias. To train from random weights, ``norm_cfg=dict(type='BN')`` is easier.

    Args:
        widen_factor: Width multiplier; 1.75 in Thunder, 1.0 in Lightning.
        last_channels: Channels of ``conv2``, whatever the width.
        fpn_channels: Channels of the merged maps of stride 4, 8, 16.
        frozen_stages: Stages whose weights stay fixed: -1 none, 0 ``conv1``, n also ``layer1`` to ``layer<n>``.
        norm_cfg: Normalisation after each convolution but the FPN's 1×1 ones; None for biases.
        init_cfg: As in every MMPose backbone; None for an initialisation that does without normalisation.
        kwargs: Other arguments of MMPose's ``MobileNetV2``: ``act_cfg``, ``norm_eval``, ``with_cp``.
    """

    LEVELS = (1, 2, 3, 7)
    """Stages whose maps enter the pyramid: layer2, layer3, layer4 and conv2, of stride 4, 8, 16, 32."""

    def __init__(
        self,
        widen_factor: float = 1.75,
        last_channels: int = 1280,
        fpn_channels: tuple[int, int, int] = (24, 32, 64),
        frozen_stages: int = -1,
        norm_cfg: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | list[dict[str, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            widen_factor=widen_factor,
            out_indices=self.LEVELS,
            frozen_stages=frozen_stages,
            conv_cfg=SAME_PADDING,
            norm_cfg=norm_cfg,
            init_cfg=init_cfg,
            **kwargs,
        )
        # MMPose widens the last convolution with the network, MoveNet does not.
        self.conv2 = ConvModule(
            self.in_channels, last_channels, 1, conv_cfg=SAME_PADDING, norm_cfg=norm_cfg, act_cfg=self.act_cfg
        )
        self.out_channel = last_channels
        widths = [make_divisible(self.arch_settings[i][1] * widen_factor, 8) for i in self.LEVELS[:-1]]
        self.fpn = MoveNetFPN((*widths, last_channels), fpn_channels, norm_cfg)

    def init_weights(self) -> None:
        """Initialise as ``init_cfg`` says or, without it and without normalisation, so that signals keep their size."""
        first = not self.is_init
        super().init_weights()
        if first and not self.init_cfg and self.norm_cfg is None:
            self._init_without_norm()

    def _init_without_norm(self) -> None:
        """Keep activations of random weights in the range of ReLU6 where no normalisation does.

        The host's default scales by fan-out, which makes a depthwise convolution of C channels √C too weak. Scaling by
        fan-in keeps the variance, and residual branches that start at zero keep it from doubling in every block
        (`Fixup <https://arxiv.org/abs/1901.09321>`_).
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                kaiming_init(module, mode='fan_in')
        for module in self.modules():
            if isinstance(module, InvertedResidual) and module.use_res_connect:
                nn.init.zeros_(module.conv[-1].conv.weight)

    def train(self, mode: bool = True) -> 'MoveNetBackbone':
        """Switch to training (frozen stages stay as they are) or evaluation; unlike the host's, this returns self."""
        super().train(mode)
        return self

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Extract features.

        Args:
            x: Pictures (B, 3, H, W), RGB in [-1, 1].

        Returns:
            One map (B, fpn_channels[0], ⌈H / 4⌉, ⌈W / 4⌉).
        """
        return (self.fpn(super().forward(x)),)
