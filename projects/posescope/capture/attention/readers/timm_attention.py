"""Attention of timm's Vision Transformers."""

from typing import Any

import torch
from torch import Tensor, nn

from posescope.capture.attention.attention_call import AttentionCall
from posescope.capture.attention.readers.masks import additive, causal
from posescope.capture.attention.readers.reader import Reader, Seen, merge_heads, split_qkv
from posescope.capture.attention.readers.registry import register_reader

__all__ = ['TimmReader']


@register_reader
class TimmReader(Reader):
    """Reads queries and keys after their norms, whether timm computes attention fused or step by step."""

    classes = ('timm.layers.attention.Attention', 'timm.models.vision_transformer.Attention')

    def parts(self, module: nn.Module) -> tuple[str, ...]:
        """Projections and norms; the norm before the output projection came with timm 1.0."""
        return 'qkv', 'q_norm', 'k_norm', 'norm' if isinstance(getattr(module, 'norm', None), nn.Module) else 'proj'

    def read(self, name: str, module: Any, seen: Seen) -> AttentionCall:
        """Describe a call."""
        q, k = seen.parts['q_norm'].output, seen.parts['k_norm'].output
        *_, v = split_qkv(seen.parts['qkv'].output, module.num_heads)
        last = seen.parts.get('norm') or seen.parts['proj']
        return AttentionCall(
            name=name,
            q=q,
            k=k,
            scale=module.scale,
            bias=_bias(seen, q),
            v=v,
            output=last.args[0],
            mixed=merge_heads,
            exact=not (module.training and module.attn_drop.p > 0),
        )


def _bias(seen: Seen, q: Tensor) -> Tensor | None:
    """The mask of a call as a bias; a causal one goes before another, as in timm."""
    if seen.argument(2, 'is_causal'):
        return causal(q.shape[-2], q.shape[-2], q.device)
    mask = seen.argument(1, 'attn_mask')
    return additive(mask, taking_part=True) if isinstance(mask, torch.Tensor) else None
