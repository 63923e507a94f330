"""A token for each joint, which gathers what it needs from the picture and from the other joints."""

from collections.abc import Sequence
from typing import Any

import torch
from mmpose.models.heads.heatmap_heads.heatmap_head import HeatmapHead
from mmpose.registry import MODELS
from torch import Tensor, nn

from posescope.errors import InputError
from posescope.models.layers.sine_positions import sine_positions
from posescope.models.layers.token_encoder import TokenEncoder

__all__ = ['JointTokenHead']


@MODELS.register_module()
class JointTokenHead(HeatmapHead):
    """Learned joint tokens, as in TokenPose (Y. Li et al., TokenPose: Learning Keypoint Tokens, ICCV 2021).

    K learned tokens and the cells of the last feature map go through one encoder together; then two linear layers,
    shared by all joints, turn each joint's token into its heatmap. A joint's row of attention says which cells, and
    which other joints, its token looks at. As in :class:`TransPoseHead`, normalisation comes before attention, and
    there is no dropout; cells have sine positions, joints none but what their tokens learn.

    Losses, ``predict`` and the flip test are those of MMPose's ``HeatmapHead``.

    Args:
        in_channels: Channels of the last feature map.
        out_channels: Number of joints K.
        decoder: The codec, whose ``heatmap_size`` is that of the result.
        embed_channels: Channels of a token, a multiple of 4 and of ``num_heads``.
        depth: Layers of the encoder.
        num_heads: Heads of its attention.
        feedforward_channels: Between its linear layers; None for twice ``embed_channels``.
        hidden_channels: Between the two layers that make heatmaps.
        **kwargs: ``loss`` and ``init_cfg`` of ``HeatmapHead``.

    Raises:
        InputError: The codec has no ``heatmap_size``.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        decoder: dict[str, Any],
        embed_channels: int = 96,
        depth: int = 4,
        num_heads: int = 4,
        feedforward_channels: int | None = None,
        hidden_channels: int = 256,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            in_channels, out_channels, deconv_out_channels=None, final_layer=None, decoder=decoder, **kwargs
        )
        size = getattr(self.decoder, 'heatmap_size', None)
        if size is None or len(size) != 2:
            raise InputError(
                f'JointTokenHead decoder={type(self.decoder).__name__}: it makes heatmaps, and this codec has no '
                'heatmap_size; choose MSRAHeatmap, UDPHeatmap or MegviiHeatmap'
            )
        width, height = (int(length) for length in size)
        self.heatmap_shape = height, width
        self.embed_channels = embed_channels
        self.num_prefix_tokens = out_channels
        self.joint_tokens = nn.Parameter(torch.zeros(out_channels, embed_channels))
        nn.init.trunc_normal_(self.joint_tokens, std=0.02)
        self.project = nn.Linear(in_channels, embed_channels)
        self.encoder = TokenEncoder(
            depth, embed_channels, num_heads, feedforward_channels or 2 * embed_channels, joint_tokens=out_channels
        )
        self.to_heatmap = nn.Sequential(
            nn.Linear(embed_channels, hidden_channels),
            nn.LayerNorm(hidden_channels),
            nn.Linear(hidden_channels, height * width),
        )

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Compute heatmaps.

        Args:
            feats: Maps of the backbone, the last of them (B, in_channels, h, w).

        Returns:
            (B, K, H, W), of the codec's size.
        """
        features = feats[-1]
        height, width = features.shape[-2:]
        cells = self.project(features.flatten(2).transpose(1, 2))
        joints = self.joint_tokens.to(cells).expand(len(cells), -1, -1)
        places = sine_positions(height, width, self.embed_channels).to(cells)
        positions = torch.cat([torch.zeros_like(joints[0]), places])
        encoded = self.encoder(torch.cat([joints, cells], 1), positions)
        maps: Tensor = self.to_heatmap(encoded[:, : self.out_channels]).unflatten(2, self.heatmap_shape)
        return maps
