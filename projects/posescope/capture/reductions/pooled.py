"""One number a channel."""

import torch
from torch import Tensor

from posescope.capture.reductions.reduction import Reduction, channels_last
from posescope.capture.reductions.registry import REDUCTIONS

__all__ = ['Pooled']


@REDUCTIONS.register_module(name=['Pooled', 'pooled'])
class Pooled(Reduction):
    """Mean over space, or over tokens (class tokens included)."""

    keeps_grid = False

    def apply(self, maps: Tensor, places: Tensor | None = None) -> Tensor:
        """Average in float64, whatever the type of the maps.

        Args:
            maps: (N, C, H, W) or (N, L, C); vectors (N, C) stay as they are.
            places: Not used.

        Returns:
            (N, C).
        """
        last = channels_last(maps, 'Pooled')
        return last.flatten(1, -2).mean(1, dtype=torch.float64).to(maps.dtype) if last.ndim > 2 else maps
