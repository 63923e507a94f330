"""Means and covariances of channels, over several ranks if need be."""

from collections.abc import Sequence

import torch
from torch import Tensor

from posescope.capture.reductions.reduction import AllReduce, channels_last
from posescope.errors import CaptureError

__all__ = ['moments']


def moments(maps: Sequence[Tensor], who: str, all_reduce: AllReduce | None, products: bool) -> tuple[Tensor, Tensor]:
    """Mean and (co)variance of channels over space and samples.

    Args:
        maps: As in :meth:`Reduction.fit`.
        who: Name for messages.
        all_reduce: As there.
        products: Whether covariances are wanted, or variances alone.

    Returns:
        Mean (C,) and variance (C,) or covariance (C, C), float64.
    """
    count, total, squares = torch.zeros(1, dtype=torch.float64), None, None
    for batch in maps:
        rows = channels_last(batch, who).reshape(-1, channels_last(batch, who).shape[-1]).double().cpu()
        square = rows.T @ rows if products else (rows * rows).sum(0)
        count += len(rows)
        total = rows.sum(0) if total is None else total + rows.sum(0)
        squares = square if squares is None else squares + square
    if total is None or squares is None:
        raise CaptureError(f'{who} cannot be fitted to no samples')
    if all_reduce is not None:
        count, total, squares = all_reduce(count), all_reduce(total), all_reduce(squares)
    if not torch.isfinite(squares).all():
        raise CaptureError(f'{who} cannot be fitted: the layer gave values that are not finite numbers')
    mean = total / count
    return mean, squares / count - (torch.outer(mean, mean) if products else mean * mean)
