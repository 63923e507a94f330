"""Attention of any class that calls PyTorch's fused function, ``F.scaled_dot_product_attention``."""

import torch
from torch import Tensor

from posescope.capture.attention.attention_call import AttentionCall
from posescope.capture.attention.product_watch import Product
from posescope.capture.attention.readers.masks import additive, causal

__all__ = ['read_product']


def read_product(name: str, product: Product) -> AttentionCall:
    """Describe a call of the fused function.

    Leading dimensions before the heads are joined to N, and where there are none before tokens, there is one head.

    Args:
        name: Of the module that called it.
        product: The call.
    """
    q, k, v = product.query, product.key, product.value
    output, bias = product.output, _bias(product)
    if product.enable_gqa:
        k, v = (_for_each_query_head(tensor, q) for tensor in (k, v))
    lead = q.shape[:-2]
    if bias is not None and len(lead) != 2 and bias.ndim > 2:
        bias = _four(bias.expand(*lead, *bias.shape[-2:]))
    return AttentionCall(
        name=name,
        q=_four(q),
        k=_four(k.expand(*lead, *k.shape[-2:])),
        scale=q.shape[-1] ** -0.5 if product.scale is None else product.scale,
        bias=bias,
        v=_four(v.expand(*lead, *v.shape[-2:])),
        output=_four(output),
        exact=product.dropout_p == 0,
    )


def _bias(product: Product) -> Tensor | None:
    if product.is_causal:
        return causal(product.query.shape[-2], product.key.shape[-2], product.query.device)
    if isinstance(product.attn_mask, torch.Tensor):
        return additive(product.attn_mask, taking_part=True)
    return None


def _for_each_query_head(tensor: Tensor, q: Tensor) -> Tensor:
    """Repeat heads that several query heads share."""
    return tensor.repeat_interleave(q.shape[-3] // tensor.shape[-3], -3)


def _four(tensor: Tensor) -> Tensor:
    """(N, heads, L, d)."""
    if tensor.ndim <= 3:
        return tensor.reshape(-1, 1, *tensor.shape[-2:])
    return tensor.flatten(0, -4)
