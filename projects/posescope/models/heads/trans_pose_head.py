"""A transformer encoder over the cells of a feature map."""

from collections.abc import Sequence
from typing import Any

from mmpose.models.heads.heatmap_heads.heatmap_head import HeatmapHead
from mmpose.registry import MODELS
from torch import Tensor, nn

from posescope.models.layers.sine_positions import sine_positions
from posescope.models.layers.token_encoder import TokenEncoder

__all__ = ['TransPoseHead']


@MODELS.register_module()
class TransPoseHead(HeatmapHead):
    """TransPose's encoder and head (S. Yang et al., TransPose: Keypoint Localization via Transformer, ICCV 2021).

    Every cell of the last feature map is a token; an encoder with sine positions lets each look at all others, and
    deconvolutions and a 1×1 convolution turn the encoded map into heatmaps. The last layer's attention of the cell
    under a joint tells which cells its heatmap is gathered from, which is what the paper made it for. Two things
    differ: normalisation comes before attention and not after, which trains from nothing without a long warm-up, and
    there is no dropout.

    Losses, ``predict`` and the flip test are those of MMPose's ``HeatmapHead``.

    Args:
        in_channels: Channels of the last feature map.
        out_channels: Number of joints K.
        embed_channels: Channels of a token, a multiple of 4 and of ``num_heads``.
        depth: Layers of the encoder.
        num_heads: Heads of its attention.
        feedforward_channels: Between its linear layers; None for twice ``embed_channels``.
        deconv_out_channels: Channels of each deconvolution, which doubles the map; empty or None for none.
        deconv_kernel_sizes: Their kernels.
        **kwargs: Others of ``HeatmapHead``: ``loss``, ``decoder``, …
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        embed_channels: int = 96,
        depth: int = 4,
        num_heads: int = 4,
        feedforward_channels: int | None = None,
        deconv_out_channels: Sequence[int] | None = (64,),
        deconv_kernel_sizes: Sequence[int] | None = (4,),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            embed_channels,
            out_channels,
            deconv_out_channels=deconv_out_channels,
            deconv_kernel_sizes=deconv_kernel_sizes,
            **kwargs,
        )
        self.in_channels = in_channels
        self.embed_channels = embed_channels
        self.project = nn.Linear(in_channels, embed_channels)
        self.encoder = TokenEncoder(depth, embed_channels, num_heads, feedforward_channels or 2 * embed_channels)

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Compute heatmaps.

        Args:
            feats: Maps of the backbone, the last of them (B, in_channels, h, w).

        Returns:
            (B, K, H, W), each deconvolution having doubled the height and width of the map.
        """
        features = feats[-1]
        height, width = features.shape[-2:]
        tokens = self.project(features.flatten(2).transpose(1, 2))
        positions = sine_positions(height, width, self.embed_channels).to(tokens)
        encoded = self.encoder(tokens, positions)
        maps: Tensor = super().forward((encoded.transpose(1, 2).unflatten(2, (height, width)),))
        return maps
