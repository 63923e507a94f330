"""How good a prediction will turn out, from the features and heatmaps that it came from."""

import math

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

__all__ = ['QualityBranch']

CLOSEST = 0.01
"""How close to 0 and 1 a score may be, whose logit is taken."""


class QualityBranch(BaseModule):
    """Predicts logits of KS and OKS.

    Features and heatmaps, reduced to the size of the features, go through two strided convolutions and are averaged
    over space; two linear layers on that and on the logits of the scores correct what the scores say. These layers
    start at zero, so that the branch starts at the scores as they are, and their mean.

    Args:
        in_channels: Channels of the features.
        joints: Number of joints K.
        hidden_channels: Of both convolutions.
    """

    def __init__(self, in_channels: int, joints: int, hidden_channels: int) -> None:
        super().__init__()
        # Over groups, as a batch may hold one person, and the map one cell.
        norm = {'type': 'GN', 'num_groups': math.gcd(hidden_channels, max(1, hidden_channels // 8))}
        self.convs = nn.Sequential(
            ConvModule(in_channels + joints, hidden_channels, 3, stride=2, padding=1, norm_cfg=norm),
            ConvModule(hidden_channels, hidden_channels, 3, stride=2, padding=1, norm_cfg=norm),
        )
        self.to_ks = nn.Linear(hidden_channels + joints, joints)
        self.to_oks = nn.Linear(hidden_channels + joints, 1)
        for layer in (self.to_ks, self.to_oks):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor, maps: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Predict quality.

        Args:
            features: (B, in_channels, h, w).
            maps: (B, K, H, W) heatmaps, of any range: each is scaled to a maximum of 1.
            scores: (B, K) of the decoded joints, 0 to 1.

        Returns:
            Logits of KS (B, K) and of OKS (B,).
        """
        peaks = maps.flatten(2).amax(2).clamp(min=1e-6)[..., None, None]
        size = int(features.shape[2]), int(features.shape[3])
        small = F.adaptive_max_pool2d((maps / peaks).clamp(min=0), size)
        pooled = self.convs(torch.cat([features, small.to(features)], 1)).mean((2, 3)).float()
        safe = scores.float().clamp(CLOSEST, 1 - CLOSEST)
        seen = torch.cat([pooled, safe.logit()], 1)
        return safe.logit() + self.to_ks(seen), safe.mean(1).logit() + self.to_oks(seen)[:, 0]
