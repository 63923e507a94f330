"""PyTorch's functions that attention is computed with, called so that some keys take no part."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from posescope.capture.attention.readers.masks import additive, causal

__all__ = ['MASKED', 'Arguments', 'masked_arguments']

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
_PRODUCT = ('query', 'key', 'value', 'attn_mask', 'dropout_p', 'is_causal')
_WHOLE = inspect.signature(F.multi_head_attention_forward)


def masked_arguments(func: Any, left_out: Tensor, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Arguments | None:
    """Give the arguments with which a function leaves out keys, beside those that it leaves out anyway.

    Args:
        func: Any function of PyTorch.
        left_out: (N, Lq, Lk) bool, which keys take no part for each query, in all heads. Where a function has more
            queries, these are the first.
        args: Of the call.
        kwargs: Of the call.

    Returns:
        Other arguments; None if the function computes no attention, or of other queries and keys.
    """
    change = MASKED.get(func)
    return None if change is None else change(left_out, args, kwargs)


def _fused(left_out: Tensor, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Arguments | None:
    """``F.scaled_dot_product_attention`` of (N, heads, L, d), or (N, L, d) of one head."""
    given = dict(zip(_PRODUCT, args, strict=False)) | dict(kwargs)
    query, key = given['query'], given['key']
    if query.ndim not in (3, 4):
        return None
    rows = _for_all(left_out, (len(query), query.shape[-2], key.shape[-2]))
    if rows is None:
        return None
    bias = _bias(rows, query)
    if query.ndim == 4:
        bias = bias[:, None]
    if given.pop('is_causal', False):
        bias = bias + causal(query.shape[-2], key.shape[-2], query.device)
    if isinstance(given.get('attn_mask'), torch.Tensor):
        bias = bias + additive(given['attn_mask'], taking_part=True)
    given['attn_mask'] = bias.to(query.dtype)
    return (), given


def _whole(left_out: Tensor, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Arguments | None:
    """What ``nn.MultiheadAttention`` calls, with the batch in the second place; keys that it adds itself stay."""
    given = dict(_WHOLE.bind(*args, **kwargs).arguments)
    query, key, heads = given['query'], given['key'], given['num_heads']
    if query.ndim != 3:
        return None
    length, people, keys = len(query), query.shape[1], len(key)
    rows = _for_all(left_out[..., :keys], (people, length, keys))
    if rows is None or left_out[..., keys:].any():
        return None
    bias = _bias(rows, query)[:, None].expand(-1, heads, -1, -1)
    mask, padding = given.get('attn_mask'), given.get('key_padding_mask')
    if mask is not None:
        before = additive(mask, taking_part=False)
        bias = bias + (before.view(people, heads, length, keys) if before.ndim == 3 else before)
    if padding is not None:
        bias = bias + additive(padding, taking_part=False)[:, None, None]
    given |= {'attn_mask': bias.flatten(0, 1).to(query.dtype), 'key_padding_mask': None, 'is_causal': False}
    return (), given


def _softmax(left_out: Tensor, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Arguments | None:
    """A softmax over the keys of scores (N, heads, Lq, Lk)."""
    scores = args[0] if args else kwargs.get('input')
    dim = args[1] if len(args) > 1 else kwargs.get('dim')
    if not isinstance(scores, torch.Tensor) or scores.ndim != 4 or dim not in (-1, 3):
        return None
    rows = _for_all(left_out, (len(scores), *scores.shape[2:]))
    if rows is None:
        return None
    scores = scores.masked_fill(rows[:, None].to(scores.device), -torch.inf)
    return ((scores, *args[1:]), dict(kwargs)) if args else ((), {**kwargs, 'input': scores})


def _for_all(left_out: Tensor, shape: tuple[int, ...]) -> Tensor | None:
    """A mask for all queries of a function, (N, Lq, Lk); None if it is of other people or keys, or more queries."""
    people, queries, keys = shape
    missing = queries - left_out.shape[1]
    if (len(left_out), left_out.shape[2]) != (people, keys) or missing < 0:
        return None
    return F.pad(left_out, (0, 0, 0, missing))


def _bias(left_out: Tensor, like: Tensor) -> Tensor:
    return torch.zeros(left_out.shape, device=like.device).masked_fill_(left_out.to(like.device), -torch.inf)


MASKED: dict[Any, Callable[[Tensor, tuple[Any, ...], Mapping[str, Any]], Arguments | None]] = {
    F.scaled_dot_product_attention: _fused,
    F.multi_head_attention_forward: _whole,
    F.softmax: _softmax,
    torch.softmax: _softmax,
    torch.Tensor.softmax: _softmax,
}
"""How each function is told which keys to leave out."""
