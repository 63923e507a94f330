"""Joints as Gaussians on a layer's cells, and back."""

from dataclasses import dataclass

import torch
from torch import Tensor

from posescope.explain.attribution.spatial_layer import SpatialLayer

__all__ = ['JointMaps', 'spread_for']

_PART_OF_WIDTH = 24
"""The standard deviation of MMPose's heatmaps: 8 of 192 pixels."""


@dataclass(frozen=True)
class JointMaps:
    """The maps that a perfect probe of a layer would give.

    Attributes:
        layer: The layer.
        input_size: Width and height of the input, pixels.
        spread: Standard deviation of the Gaussians, pixels of the input.
    """

    layer: SpatialLayer
    input_size: tuple[int, int]
    spread: float

    def encode(self, places: Tensor) -> Tensor:
        """Draw Gaussians with a peak of 1.

        Args:
            places: (B, K, 2) x and y in pixels of the input; NaN gives an empty map.

        Returns:
            (B, K, h, w).
        """
        along_x, along_y = (self._profile(axis, places[..., axis]) for axis in (0, 1))
        return torch.nan_to_num(along_y[..., :, None] * along_x[..., None, :])

    def decode(self, maps: Tensor) -> Tensor:
        """Find the place whose Gaussian a map resembles most.

        The place p that maximises ``<map, g_p> / |g_p|`` with the Gaussian g_p around it, over all pixels of the input:
        the best fit of any amplitude by least squares, so likeliest under white noise. It reads places between the
        cells of a coarse map, to the pixel, and takes every layer's map to the same precision.

        Args:
            maps: (B, K, h, w).

        Returns:
            (B, K, 2) x and y in pixels of the input.
        """
        along_x, along_y = (self._templates(axis, maps) for axis in (0, 1))
        fit = torch.einsum('bkyw,hy->bkhw', torch.einsum('bkyx,wx->bkyw', maps, along_x), along_y)
        best = fit.flatten(2).argmax(2)
        width = self.input_size[0]
        return torch.stack([best % width, best // width], -1).to(maps.dtype)

    def _templates(self, axis: int, like: Tensor) -> Tensor:
        """(pixels, cells) Gaussians around every pixel of an axis, of length 1."""
        pixels = torch.arange(self.input_size[axis], dtype=like.dtype, device=like.device)
        profile = self._profile(axis, pixels)
        return profile / profile.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(like.dtype).tiny)

    def _profile(self, axis: int, places: Tensor) -> Tensor:
        """(…, cells) a Gaussian along x (0) or y (1) around each place (…)."""
        step = 1 - axis  # grids and sizes count rows first
        cells = torch.arange(self.layer.size[step], dtype=places.dtype, device=places.device)
        pixels = self.layer.grid.scale[step] * cells + self.layer.grid.offset[step]
        return (-((pixels - places[..., None]) ** 2) / (2 * self.spread**2)).exp()


def spread_for(layer: SpatialLayer, input_size: tuple[int, int]) -> float:
    """Standard deviation for a layer, pixels: that of usual heatmaps, and at least one cell.

    With a Gaussian narrower than a cell, the values around the peak could not tell where in the cell the joint is.
    """
    return float(max(*layer.grid.scale, input_size[0] / _PART_OF_WIDTH))
