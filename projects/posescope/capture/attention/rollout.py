"""Attention rollout: how much of each input token reaches each token through all layers."""

from collections.abc import Sequence

import torch
from torch import Tensor

from posescope.errors import CaptureError

__all__ = ['rollout']


def rollout(attention: Sequence[Tensor], residual: float = 0.5) -> Tensor:
    """Follow attention from layer to layer.

    With A the attention of a layer averaged over its heads, a layer and its skip connection pass on
    ``(1 - residual) · A + residual · I``, rows scaled to sum to one; the result is the product over layers, the last on
    the left (S. Abnar and W. Zuidema, Quantifying Attention Flow in Transformers, ACL 2020, section 3). It leaves out
    values, feed-forward parts and norms: a description, not a cause.

    Args:
        attention: From the first layer to the last, (N, L, L) or, to be averaged over heads, (N, heads, L, L).
        residual: Share of the skip connection.

    Returns:
        (N, L, L) float32, row i for how token i of the last layer depends on the tokens of the first.

    Raises:
        CaptureError: There is no layer, or they are not square and of one size.
    """
    if not attention:
        raise CaptureError('rollout: no layer of attention was given')
    shape = (len(attention[0]), *attention[0].shape[-1:] * 2)
    result: Tensor | None = None
    for number, weights in enumerate(attention):
        mean = weights.float().mean(1) if weights.ndim == 4 else weights.float()
        if mean.shape != shape:
            raise CaptureError(
                f'rollout: layer {number} is {tuple(weights.shape)}, not {shape}: tokens must stay the same'
            )
        passed = (1 - residual) * mean + residual * torch.eye(shape[-1], device=mean.device)
        passed = passed / passed.sum(-1, keepdim=True)
        result = passed if result is None else passed @ result
    assert result is not None
    return result
