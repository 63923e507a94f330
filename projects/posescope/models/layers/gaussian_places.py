"""Where the Gaussians of target heatmaps have their centres."""

import torch
from torch import Tensor

__all__ = ['gaussian_places']

FARTHEST = 3.0
"""Cells from the middle of the three cells to the centre beyond which these are no cells of one Gaussian."""


def gaussian_places(maps: Tensor) -> Tensor:
    """Find the centre of the Gaussian in each map.

    The logarithm of a Gaussian is a parabola, so three cells in a row tell its vertex, exactly and also beside the
    border, where a centroid would be drawn inwards. Where one of the three is zero, and in an empty map, the largest
    cell is returned.

    Args:
        maps: (B, K, H, W), H and W at least 3, as MMPose's codecs encode them.

    Returns:
        (B, K, 2), x and y in cells.
    """
    height, width = maps.shape[-2:]
    best = maps.flatten(2).argmax(2)
    row, column = best // width, best % width
    along_x = maps.gather(2, row[..., None, None].expand(-1, -1, 1, width)).squeeze(2)
    along_y = maps.gather(3, column[..., None, None].expand(-1, -1, height, 1)).squeeze(3)
    return torch.stack([_vertex(along_x, column), _vertex(along_y, row)], -1)


def _vertex(lines: Tensor, peak: Tensor) -> Tensor:
    """Find the centres of sampled Gaussians (B, K, n) whose largest cells are ``peak`` (B, K)."""
    middle = peak.clamp(1, lines.shape[-1] - 2)
    before, here, after = (lines.gather(2, middle[..., None] + step).squeeze(2).log() for step in (-1, 0, 1))
    shift = (before - after) / (2 * (before - 2 * here + after))
    known = shift.isfinite() & (shift.abs() <= FARTHEST)
    return torch.where(known, middle + shift, peak.to(lines.dtype))
