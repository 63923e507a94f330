"""RoIAlign (He et al., ICCV 2017): features under a box, sampled finely and averaged or maximised in each bin."""

import torch
import torchvision  # noqa: F401  registers torch.ops.torchvision
from torch import Tensor
from torch.nn import functional as F

from posescope.compat.mmcv_ext.bilinear import corner_weights
from posescope.compat.mmcv_ext.precision import widened

MAX_POOLING = 0
"""``pool_mode`` of both functions; the other one, 1, averages."""


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fill ``output`` with the pooled features of each box.

    Args:
        input: (N, C, H, W) features.
        rois: (K, 5), index of the picture and x1, y1, x2, y2 in pixels of the picture.
        output: (K, C, aligned_height, aligned_width), filled. In max mode a box without extent, which has no samples
            when ``sampling_ratio`` is 0, gives 0 (compiled mmcv leaves -10000 on a CPU and -3.4e38 on a GPU).
        argmax_y: In max mode filled with the row, in feature pixels, of the winning sample, -1 for none; shaped like
            ``output``.
        argmax_x: Likewise the column.
        aligned_height: Rows of bins.
        aligned_width: Columns of bins.
        spatial_scale: Feature pixels per picture pixel.
        sampling_ratio: Samples a bin along each axis; 0 takes as many as there are feature pixels, rounded up.
        pool_mode: :data:`MAX_POOLING` or 1 for the average.
        aligned: Shift by half a pixel, so that the centre of the first pixel is at .5; else as old mmdet versions did,
            with boxes of at least one feature pixel.
    """
    features, boxes = widened(input, rois)
    size = (aligned_height, aligned_width)
    if pool_mode != MAX_POOLING:
        pooled = torch.ops.torchvision.roi_align(features, boxes, spatial_scale, *size, sampling_ratio, aligned)
        output.copy_(pooled)
        return
    argmax_y.fill_(-1)
    argmax_x.fill_(-1)
    starts, bins = _bins(boxes, size, spatial_scale, aligned)
    counts = torch.full_like(bins, sampling_ratio) if sampling_ratio > 0 else bins.ceil()
    for rows, columns in torch.unique(counts.long(), dim=0).tolist():
        if rows <= 0 or columns <= 0:
            continue
        members = ((counts[:, 0] == rows) & (counts[:, 1] == columns)).nonzero().squeeze(1)
        # One bin a sample turns torchvision's average into the samples themselves.
        grid = (aligned_height * rows, aligned_width * columns)
        samples = torch.ops.torchvision.roi_align(features, boxes[members], spatial_scale, *grid, 1, aligned)
        best, winner = F.max_pool2d(samples, (rows, columns), return_indices=True)  # among equals the first sample
        sample = torch.stack([winner // grid[1], winner % grid[1]], -1)  # (k, C, aligned_height, aligned_width, 2)
        spacing = bins[members] / bins.new_tensor([rows, columns])
        places = starts[members, None, None, None] + (sample + 0.5) * spacing[:, None, None, None]
        output[members] = best.to(output)
        argmax_y[members] = places[..., 0].to(argmax_y)
        argmax_x[members] = places[..., 1].to(argmax_x)


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Add to ``grad_input``, (N, C, H, W), the gradient by the features; other arguments as in the forward function."""
    grad, boxes, y, x = widened(grad_output, rois, argmax_y, argmax_x)
    batch, channels, height, width = grad_input.shape
    if pool_mode != MAX_POOLING:
        size = (aligned_height, aligned_width)
        shape = (batch, channels, height, width)
        grad_input += torch.ops.torchvision._roi_align_backward(
            grad, boxes, spatial_scale, *size, *shape, sampling_ratio, aligned
        )
        return
    grad = torch.where((y == -1) & (x == -1), 0, grad)
    # Which of the N × C maps each of the K × C × bins samples was taken from.
    maps = boxes[:, 0, None].long() * channels + torch.arange(channels, device=boxes.device)
    total = grad.new_zeros(batch * channels * height * width)
    for pixel, weight in corner_weights(y, x, height, width):
        flat = maps[..., None, None] * (height * width) + pixel
        total.index_add_(0, flat.flatten(), (grad * weight).flatten())
    grad_input += total.view_as(grad_input)


def _bins(boxes: Tensor, size: tuple[int, int], scale: float, aligned: bool) -> tuple[Tensor, Tensor]:
    """Return where each box starts and how large its bins are, both (K, 2) as y, x in feature pixels."""
    corners = boxes[:, [2, 1, 4, 3]] * scale - (0.5 if aligned else 0.0)
    extents = corners[:, 2:] - corners[:, :2]
    if not aligned:
        extents = extents.clamp(min=1)
    return corners[:, :2], extents / extents.new_tensor(size)
