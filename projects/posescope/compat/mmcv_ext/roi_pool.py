"""RoIPool (Girshick, ICCV 2015): the maximum of the feature pixels that each bin of a box touches.

torchvision has an operator of that name, but it rounds boxes to whole feature pixels first, which mmcv does not.
"""

import torch
from torch import Tensor

from posescope.compat.mmcv_ext.precision import widened


def roi_pool_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Fill ``output`` with the pooled features of each box.

    Args:
        input: (N, C, H, W) features.
        rois: (K, 5), index of the picture and x1, y1, x2, y2 in pixels of the picture; x2 and y2 are the last pixels.
        output: (K, C, pooled_height, pooled_width), filled; 0 where a bin touches no pixel.
        argmax: Likewise, int32, filled with the winning pixel of the flattened map, the first among equals, or -1.
        pooled_height: Rows of bins.
        pooled_width: Columns of bins.
        spatial_scale: Feature pixels per picture pixel.
    """
    features, boxes = widened(input, rois)
    channels, height, width = features.shape[1:]
    first_y, last_y = _edges(boxes[:, 2], boxes[:, 4], pooled_height, spatial_scale, height)
    first_x, last_x = _edges(boxes[:, 1], boxes[:, 3], pooled_width, spatial_scale, width)
    pictures = boxes[:, 0].long()
    pixels_last = features.flatten(2).transpose(1, 2).contiguous()  # (N, H · W, C)
    best = features.new_full((len(boxes), pooled_height, pooled_width, channels), -torch.inf)
    winner = torch.full_like(best, -1, dtype=torch.long)
    # All bins look at their first pixel, then at their second, row by row, and so on while any bin has one left.
    for down in range(_longest(first_y, last_y)):
        for right in range(_longest(first_x, last_x)):
            y, x = first_y + down, first_x + right
            bins = ((y < last_y)[:, :, None] & (x < last_x)[:, None, :]).nonzero(as_tuple=True)
            box, row, column = bins
            pixels = y[box, row] * width + x[box, column]
            values = pixels_last[pictures[box], pixels]  # (B, C)
            wins = values > best[bins]
            best[bins] = torch.where(wins, values, best[bins])
            winner[bins] = torch.where(wins, pixels[:, None], winner[bins])
    output.copy_(torch.where(winner >= 0, best, 0).movedim(-1, 1))
    argmax.copy_(winner.movedim(-1, 1))


def roi_pool_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax: Tensor,
    grad_input: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Add to ``grad_input``, (N, C, H, W), the gradient by the features; other arguments as in the forward function."""
    (grad,) = widened(grad_output)
    batch, channels, height, width = grad_input.shape
    maps = rois[:, 0, None].long() * channels + torch.arange(channels, device=rois.device)  # (K, C)
    won = argmax >= 0
    flat = (maps[..., None, None] * (height * width) + argmax)[won]
    total = grad.new_zeros(batch * channels * height * width).index_add_(0, flat, grad[won])
    grad_input += total.view_as(grad_input)


def _edges(low: Tensor, high: Tensor, bins: int, scale: float, limit: int) -> tuple[Tensor, Tensor]:
    """Return the first pixel of each bin and the one after its last, (K, bins) int64 along one axis.

    Args:
        low: (K,) first pixel of each box, in the picture.
        high: (K,) last pixel of each box, in the picture.
        bins: Number of bins.
        scale: Feature pixels per picture pixel.
        limit: Length of the feature map.
    """
    start, end = low[:, None] * scale, (high[:, None] + 1) * scale
    steps = torch.arange(bins + 1, dtype=low.dtype, device=low.device)
    borders = steps * ((end - start) / bins) + start
    first = borders[:, :-1].floor().clamp(0, limit).long()
    last = borders[:, 1:].ceil().clamp(0, limit).long()
    # A box turned inside out has no bins at all.
    return first, torch.where(end > start, last, first)


def _longest(first: Tensor, last: Tensor) -> int:
    """Return how many pixels the longest of some bins has."""
    return int((last - first).max()) if first.numel() else 0
