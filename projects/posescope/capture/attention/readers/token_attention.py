"""Attention of posescope's own encoders, ``TransPoseHead`` and ``JointTokenHead``."""

from typing import Any

from torch import nn

from posescope.capture.attention.attention_call import AttentionCall
from posescope.capture.attention.readers.reader import Reader, Seen, heads_first, merge_heads
from posescope.capture.attention.readers.registry import register_reader

__all__ = ['TokenAttentionReader']


@register_reader
class TokenAttentionReader(Reader):
    """Reads queries, keys and values from the layers that make them.

    Where the first tokens are those of joints, theirs are the only rows: a joint is asked by its own token, and not by
    the cell under it. The keys are still all tokens, joints first.
    """

    classes = ('posescope.models.layers.token_attention.TokenAttention',)

    def parts(self, module: nn.Module) -> tuple[str, ...]:
        """The three projections and the output projection."""
        return 'query', 'key', 'value', 'out'

    def read(self, name: str, module: Any, seen: Seen) -> AttentionCall:
        """Describe a call."""
        q, k, v = (heads_first(seen.parts[part].output, module.heads) for part in ('query', 'key', 'value'))
        rows = slice(module.joint_tokens or None)
        return AttentionCall(
            name=name,
            q=q[:, :, rows],
            k=k,
            scale=q.shape[-1] ** -0.5,
            v=v,
            output=seen.parts['out'].args[0][:, rows],
            mixed=merge_heads,
        )
