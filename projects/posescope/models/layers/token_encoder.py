"""A transformer encoder whose attention can be read."""

import torch.nn.functional as F
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from posescope.models.layers.token_attention import TokenAttention

__all__ = ['TokenEncoder', 'TokenEncoderLayer']


class TokenEncoderLayer(BaseModule):
    """Attention, then two linear layers, each beside a skip connection and after a normalisation.

    Args:
        channels: Of a token.
        heads: Of the attention.
        hidden_channels: Between the two linear layers.
        joint_tokens: See :class:`TokenAttention`.
    """

    def __init__(self, channels: int, heads: int, hidden_channels: int, joint_tokens: int = 0) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(channels)
        self.attention = TokenAttention(channels, heads, joint_tokens)
        self.before_linear = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, hidden_channels)
        self.narrow = nn.Linear(hidden_channels, channels)

    def forward(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Map tokens (B, L, C) to the same shape."""
        tokens = tokens + self.attention(self.before_attention(tokens), positions)
        return tokens + self.narrow(F.relu(self.widen(self.before_linear(tokens))))


class TokenEncoder(BaseModule):
    """Layers of :class:`TokenEncoderLayer`, and a normalisation after the last.

    Args:
        depth: Number of layers.
        channels: Of a token.
        heads: Of the attention.
        hidden_channels: Between a layer's two linear layers.
        joint_tokens: See :class:`TokenAttention`.
    """

    def __init__(self, depth: int, channels: int, heads: int, hidden_channels: int, joint_tokens: int = 0) -> None:
        super().__init__()
        self.layers = ModuleList(
            TokenEncoderLayer(channels, heads, hidden_channels, joint_tokens) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(channels)

    def forward(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Map tokens (B, L, C), whose positions are (L, C), to the same shape."""
        for layer in self.layers:
            tokens = layer(tokens, positions)
        normed: Tensor = self.norm(tokens)
        return normed
