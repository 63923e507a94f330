"""Attention of ``nn.MultiheadAttention``, and of MMCV's wrapper around it (DETR, EDPose, PVT)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from posescope.capture.attention.attention_call import AttentionCall
from posescope.capture.attention.readers.masks import additive
from posescope.capture.attention.readers.reader import PartCall, Reader, Seen, heads_first, merge_heads
from posescope.capture.attention.readers.registry import register_reader

__all__ = ['MMCVReader', 'TorchReader']


@register_reader
class TorchReader(Reader):
    """Projects queries, keys and values as the module did, which keeps them to itself.

    That is its weights' part of the work once more, under the same autocast; attention is not computed again.
    """

    classes = ('torch.nn.modules.activation.MultiheadAttention',)

    def parts(self, module: nn.Module) -> tuple[str, ...]:
        """It calls none."""
        return ()

    def read(self, name: str, module: Any, seen: Seen) -> AttentionCall:
        """Describe a call."""
        return _read(name, module, seen)


@register_reader
class MMCVReader(Reader):
    """Reads the attention inside of MMCV's wrapper, which gets positions added and the batch in the second place."""

    classes = ('mmcv.cnn.bricks.transformer.MultiheadAttention',)

    def parts(self, module: nn.Module) -> tuple[str, ...]:
        """The attention itself."""
        return ('attn',)

    def read(self, name: str, module: Any, seen: Seen) -> AttentionCall:
        """Describe a call."""
        return _read(name, module.attn, seen.parts['attn'])


def _read(name: str, module: Any, call: PartCall) -> AttentionCall:
    """Describe a call of ``nn.MultiheadAttention``."""
    batched = call.argument(0, 'query').ndim == 3
    tokens = [_batch_first(call.argument(i, key), module, batched) for i, key in enumerate(('query', 'key', 'value'))]
    q, k, v = (project(t) for project, t in zip(_projections(module), tokens, strict=True))
    bias = _bias(module, call, len(q))
    for extra in _extra_keys(module, len(k)):
        k, v = (torch.cat([old, new.to(old)], 1) for old, new in zip((k, v), extra, strict=True))
        bias = None if bias is None else F.pad(bias, (0, 1))
    output = _batch_first(call.output[0], module, batched)
    return AttentionCall(
        name=name,
        q=heads_first(q, module.num_heads),
        k=heads_first(k, module.num_heads),
        scale=module.head_dim**-0.5,
        bias=bias,
        v=heads_first(v, module.num_heads),
        output=output,
        mixed=lambda mixed: _project_out(module, merge_heads(mixed)),
        exact=not (module.training and module.dropout > 0),
    )


def _batch_first(tokens: Tensor, module: Any, batched: bool) -> Tensor:
    """(N, L, C), whichever way the module takes it."""
    if not batched:
        return tokens[None]
    return tokens if module.batch_first else tokens.transpose(0, 1)


def _projections(module: Any) -> list[Callable[[Tensor], Tensor]]:
    """How queries, keys and values are made of their tokens."""
    if module.in_proj_weight is not None:
        weights = module.in_proj_weight.chunk(3)
    else:
        weights = module.q_proj_weight, module.k_proj_weight, module.v_proj_weight
    biases = (None,) * 3 if module.in_proj_bias is None else module.in_proj_bias.chunk(3)
    return [partial(F.linear, weight=weight, bias=bias) for weight, bias in zip(weights, biases, strict=True)]


def _project_out(module: Any, tokens: Tensor) -> Tensor:
    bias = module.out_proj.bias
    return F.linear(tokens.float(), module.out_proj.weight.float(), None if bias is None else bias.float())


def _extra_keys(module: Any, count: int) -> list[tuple[Tensor, Tensor]]:
    """Keys and values that the module adds to those that it is given, (N, 1, C) each."""
    extra = []
    if module.bias_k is not None:
        extra.append((module.bias_k.expand(count, -1, -1), module.bias_v.expand(count, -1, -1)))
    if module.add_zero_attn:
        zeros = torch.zeros(count, 1, module.embed_dim, device=module.out_proj.weight.device)
        extra.append((zeros, zeros))
    return extra


def _bias(module: Any, call: PartCall, count: int) -> Tensor | None:
    """Both masks of a call together, broadcastable to (N, heads, Lq, Lk)."""
    padding, mask = call.argument(3, 'key_padding_mask'), call.argument(5, 'attn_mask')
    bias = None
    if mask is not None:
        bias = additive(mask, taking_part=False)
        bias = bias.view(count, module.num_heads, *bias.shape[-2:]) if bias.ndim == 3 else bias[None, None]
    if padding is not None:
        left_out = additive(padding if padding.ndim == 2 else padding[None], taking_part=False)[:, None, None]
        bias = left_out if bias is None else bias + left_out
    return bias
