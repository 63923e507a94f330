"""Attention between tokens, some of which may stand for joints."""

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from posescope.errors import InputError

__all__ = ['TokenAttention']


class TokenAttention(BaseModule):
    """Every token looks at every token, by PyTorch's fused attention.

    As in DETR and TransPose, positions are added to what makes queries and keys, not to the values. Unlike
    ``nn.TransformerEncoderLayer`` it has no other path for evaluation, so hooks and taps see the same calls in both
    modes.

    Args:
        channels: Of a token, a multiple of ``heads``.
        heads: Number of heads.
        joint_tokens: How many tokens, the first ones, are those of joints; the attention reader keeps their rows.
    """

    def __init__(self, channels: int, heads: int, joint_tokens: int = 0) -> None:
        super().__init__()
        if channels % heads:
            raise InputError(f'{channels} channels cannot be cut into {heads} heads: take a multiple of {heads}')
        self.heads = heads
        self.joint_tokens = joint_tokens
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Mix tokens (B, L, C), whose positions are (L, C), to tokens of the same shape."""
        placed = tokens + positions
        q, k, v = (
            made.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for made in (self.query(placed), self.key(placed), self.value(tokens))
        )
        mixed: Tensor = self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return mixed
