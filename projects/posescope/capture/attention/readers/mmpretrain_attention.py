"""Attention of MMPretrain's Vision Transformers, which ViTPose is built on."""

from functools import partial
from typing import Any

from torch import nn

from posescope.capture.attention.attention_call import AttentionCall
from posescope.capture.attention.readers.reader import Reader, Seen, merge_heads, split_qkv
from posescope.capture.attention.readers.registry import register_reader

__all__ = ['MMPretrainReader']


@register_reader
class MMPretrainReader(Reader):
    """Reads queries and keys from the layer that makes both, and mixed values where the output projection takes them.

    Built with ``qk_scale``, mmpretrain 1.2.0 computes attention in Python and *divides* by the scale that it was meant
    to multiply with, so it multiplies by √d; the reader follows what it does.
    """

    classes = ('mmpretrain.models.utils.attention.MultiheadAttention',)

    def parts(self, module: nn.Module) -> tuple[str, ...]:
        """The joint projection and the output projection."""
        return 'qkv', 'proj'

    def read(self, name: str, module: Any, seen: Seen) -> AttentionCall:
        """Describe a call."""
        q, k, v = split_qkv(seen.parts['qkv'].output, module.num_heads)
        product = module.scaled_dot_product_attention
        given = product.keywords.get('scale') if isinstance(product, partial) else None
        return AttentionCall(
            name=name,
            q=q,
            k=k,
            scale=1 / given if given else module.head_dims**-0.5,
            v=v,
            output=seen.parts['proj'].args[0],
            mixed=merge_heads,
            exact=not (module.training and module.attn_drop > 0),
        )
