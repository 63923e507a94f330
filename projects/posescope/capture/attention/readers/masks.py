"""Masks as numbers that are added to scores."""

import torch
from torch import Tensor

__all__ = ['additive', 'causal']


def additive(mask: Tensor, taking_part: bool) -> Tensor:
    """Turn a mask into a bias.

    Args:
        mask: Boolean, or numbers, which are added as they are.
        taking_part: Whether True means that a key takes part (``F.scaled_dot_product_attention``) or that it is left
            out (``nn.MultiheadAttention``).

    Returns:
        A bias of the same shape, 0 or -inf.
    """
    if mask.is_floating_point():
        return mask.detach().clone()
    left_out = ~mask.bool() if taking_part else mask.bool()
    return torch.zeros(mask.shape, device=mask.device).masked_fill_(left_out, -torch.inf)


def causal(queries: int, keys: int, device: torch.device) -> Tensor:
    """A bias (queries, keys) with which query i sees keys 0 to i."""
    return torch.full((queries, keys), -torch.inf, device=device).triu_(1)
