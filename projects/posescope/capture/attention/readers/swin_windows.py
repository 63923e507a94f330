"""Attention of Swin Transformers of MMPose, MMPretrain and MMDetection, in windows that shift from layer to layer."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from posescope.capture.attention.readers.reader import PartCall, Reader, Seen, merge_heads, split_qkv
from posescope.capture.attention.readers.registry import register_reader
from posescope.capture.attention.readers.windows import relative_bias, window_bias
from posescope.capture.attention.windowed_call import WindowedCall, window_places

__all__ = ['SwinWindowsReader']


@register_reader
class SwinWindowsReader(Reader):
    """Reads windows of a map that is padded on the right and below and rolled to the upper left.

    Swin V2 (arXiv 2111.09883) keeps its projection to itself, so it is computed once more; attention is not.
    """

    classes = (
        'mmpose.models.backbones.swin.ShiftWindowMSA',
        'mmpretrain.models.utils.attention.ShiftWindowMSA',
        'mmdet.models.backbones.swin.ShiftWindowMSA',
    )

    def parts(self, module: nn.Module) -> tuple[str, ...]:
        """The attention of a window, its joint projection where it calls it, and its output projection."""
        called = () if _is_second_version(module.w_msa) else ('w_msa.qkv',)
        return 'w_msa', 'w_msa.proj', *called

    def read(self, name: str, module: Any, seen: Seen) -> WindowedCall:
        """Describe a call."""
        attention, windows = module.w_msa, seen.parts['w_msa']
        height, width = (int(side) for side in seen.argument(1, 'hw_shape'))
        if _is_second_version(attention):
            q, k, v, bias, scale = _second_version(attention, windows)
        else:
            q, k, v = split_qkv(seen.parts['w_msa.qkv'].output, attention.num_heads)
            bias, scale = relative_bias(attention, attention.relative_position_bias_table), attention.scale
        mask = windows.argument(1, 'mask')
        return WindowedCall(
            name=name,
            q=q,
            k=k,
            scale=scale,
            bias=window_bias(bias, mask),
            v=v,
            output=seen.parts['w_msa.proj'].args[0],
            mixed=merge_heads,
            grid=(height, width),
            query_grid=(height, width),
            tokens='grid',
            exact=not (module.training and attention.attn_drop.p > 0),
            # Shifted windows always come with a mask; Swin leaves the shift out where one window holds the whole map.
            places=window_places(
                (height, width),
                attention.window_size,
                shift=module.shift_size if mask is not None else 0,
                device=q.device,
            ),
        )


def _is_second_version(module: Any) -> bool:
    return hasattr(module, 'cpb_mlp')


def _second_version(module: Any, windows: PartCall) -> tuple[Tensor, Tensor, Tensor, Tensor, float]:
    """Queries, keys, values, bias and scale of Swin V2: cosines, times a learnt temperature of each head."""
    bias = None
    if module.q_bias is not None:
        bias = torch.cat([module.q_bias, torch.zeros_like(module.v_bias), module.v_bias])
    q, k, v = split_qkv(F.linear(windows.args[0], module.qkv.weight, bias), module.num_heads)
    temperature = module.logit_scale.clamp(max=float(torch.tensor(100.0).log())).exp()
    table = module.cpb_mlp(module.relative_coords_table).view(-1, module.num_heads)
    positions = 16 * torch.sigmoid(relative_bias(module, table))
    return F.normalize(q, dim=-1) * temperature, F.normalize(k, dim=-1), v, positions, 1.0
