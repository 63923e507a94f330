"""Scores that are moved together until their mean is what it should be."""

import torch
from torch import Tensor

__all__ = ['scores_with_mean']

HALVINGS = 40
"""How often the interval that holds the shift is halved: to 64 / 2⁴⁰."""
REACH = 32.0


def scores_with_mean(logits: Tensor, means: Tensor) -> Tensor:
    """Add one number to a person's logits so that the mean of their sigmoids is given.

    Σ σ(z + δ) / K rises with δ from 0 to 1, so there is exactly one such δ; it is found by bisection. Scores stay
    between 0 and 1 and keep their order, which a common factor would not ensure.

    Args:
        logits: (B, K), z.
        means: (B,), between 0 and 1.

    Returns:
        (B, K) σ(z + δ).
    """
    logits, means = logits.double(), means.double()
    low, high = -REACH - logits.amax(1), REACH - logits.amin(1)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        too_low = (logits + middle[:, None]).sigmoid().mean(1) < means
        low, high = torch.where(too_low, middle, low), torch.where(too_low, high, middle)
    return (logits + ((low + high) / 2)[:, None]).sigmoid().float()
