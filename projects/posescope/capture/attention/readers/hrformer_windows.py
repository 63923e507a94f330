"""Attention of HRFormer, in windows of each branch's map."""

from typing import Any

from torch import nn

from posescope.capture.attention.readers.reader import Reader, Seen, merge_heads, split_qkv
from posescope.capture.attention.readers.registry import register_reader
from posescope.capture.attention.readers.windows import relative_bias, window_bias
from posescope.capture.attention.windowed_call import WindowedCall, window_places

__all__ = ['HRFormerWindowsReader']


@register_reader
class HRFormerWindowsReader(Reader):
    """Reads windows of a map that is padded on all sides, half of the padding, rounded down, before it.

    Padding takes part in attention unless the model was built with ``with_pad_mask``.
    """

    classes = ('mmpose.models.backbones.hrformer.LocalWindowSelfAttention',)

    def parts(self, module: nn.Module) -> tuple[str, ...]:
        """The attention of a window, its joint projection and its output projection."""
        return 'attn', 'attn.qkv', 'attn.proj'

    def read(self, name: str, module: Any, seen: Seen) -> WindowedCall:
        """Describe a call."""
        attention = module.attn
        grid = (int(seen.argument(1, 'H')), int(seen.argument(2, 'W')))
        before = tuple(-side % size // 2 for side, size in zip(grid, module.window_size, strict=True))
        qkv = seen.parts['attn.qkv'].output
        q, k, v = split_qkv(qkv, attention.num_heads)
        bias = relative_bias(attention, attention.relative_position_bias_table) if attention.with_rpe else None
        return WindowedCall(
            name=name,
            q=q,
            k=k,
            scale=attention.scale,
            bias=window_bias(bias, seen.parts['attn'].argument(1, 'mask')),
            v=v,
            output=seen.parts['attn.proj'].args[0],
            mixed=merge_heads,
            grid=grid,
            query_grid=grid,
            tokens='grid',
            exact=not (module.training and attention.attn_drop.p > 0),
            places=window_places(grid, module.window_size, (before[0], before[1]), device=qkv.device),
        )
