"""Deformable RoI pooling (Dai et al., ICCV 2017): RoIAlign in which every bin of a box is moved by its own offset."""

from collections.abc import Iterator

import torch
import torchvision  # noqa: F401  registers torch.ops.torchvision
from torch import Tensor

from posescope.compat.mmcv_ext.bilinear import corner_weights
from posescope.compat.mmcv_ext.precision import widened

VALUES_AT_ONCE = 1 << 24
"""Bins are pooled in portions of about this many feature values, 64 MB in float32."""


def deform_roi_pool_forward(
    input: Tensor,
    rois: Tensor,
    offset: Tensor,
    output: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    gamma: float,
) -> None:
    """Fill ``output`` with the pooled features of each box.

    Args:
        input: (N, C, H, W) features.
        rois: (K, 5), index of the picture and x1, y1, x2, y2 in pixels of the picture.
        offset: (K, 2, pooled_height, pooled_width), the move of each bin along x and y in units of ``gamma`` times the
            size of the box, or empty for none.
        output: (K, C, pooled_height, pooled_width), filled with the average of the samples in each bin.
        pooled_height: Rows of bins.
        pooled_width: Columns of bins.
        spatial_scale: Feature pixels per picture pixel.
        sampling_ratio: Samples a bin along each axis; 0 takes as many as there are feature pixels, rounded up.
        gamma: See ``offset``.
    """
    features, boxes, offset = widened(input, rois, offset)
    size = (pooled_height, pooled_width)
    bins = _bin_boxes(boxes, offset, size, spatial_scale, gamma)
    pooled = features.new_zeros(len(bins), features.shape[1])
    for part, grid in _portions(boxes, size, spatial_scale, sampling_ratio, features.shape[1]):
        # One bin a sample, so that rounding in torchvision cannot change how many there are.
        samples = torch.ops.torchvision.roi_align(features, bins[part], 1.0, *grid, 1, True)
        pooled[part] = samples.mean((2, 3))
    output.copy_(pooled.view(len(boxes), *size, features.shape[1]).permute(0, 3, 1, 2))


def deform_roi_pool_backward(
    grad_output: Tensor,
    input: Tensor,
    rois: Tensor,
    offset: Tensor,
    grad_input: Tensor,
    grad_offset: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    gamma: float,
) -> None:
    """Add to ``grad_input`` and ``grad_offset`` the gradients by features and offsets.

    Where a bin was moved over the border of the map, the compiled version extrapolates the features for the gradient by
    the offset; this is the derivative of what the forward function computes, 0 across the border.
    """
    grad, features, boxes, offset = widened(grad_output, input, rois, offset)
    size = (pooled_height, pooled_width)
    bins = _bin_boxes(boxes, offset, size, spatial_scale, gamma)
    grad = grad.permute(0, 2, 3, 1).reshape(len(bins), features.shape[1])
    by_place = torch.zeros_like(bins[:, 1:3])
    for part, (rows, columns) in _portions(boxes, size, spatial_scale, sampling_ratio, features.shape[1]):
        share = (grad[part] / (rows * columns))[..., None, None].expand(-1, -1, rows, columns)
        grad_input += torch.ops.torchvision._roi_align_backward(
            share.contiguous(), bins[part], 1.0, rows, columns, *features.shape, 1, True
        )
        if grad_offset.numel():
            by_place[part] = _gradient_by_place(grad[part], features, bins[part], (rows, columns))
    if grad_offset.numel():
        extents = (boxes[:, 3:] - boxes[:, 1:3]) * spatial_scale  # (K, 2), x and y
        by_offset = by_place.view(len(boxes), *size, 2) * (gamma * extents[:, None, None])
        grad_offset += by_offset.permute(0, 3, 1, 2)


def _bin_boxes(boxes: Tensor, offset: Tensor, size: tuple[int, int], scale: float, gamma: float) -> Tensor:
    """Return every bin as a box of its own, (K · rows · columns, 5), in feature pixels before the half-pixel shift."""
    starts, ends = boxes[:, None, None, 1:3] * scale, boxes[:, None, None, 3:] * scale
    extents = ends - starts  # (K, 1, 1, 2), x and y
    rows, columns = (torch.arange(count, dtype=boxes.dtype, device=boxes.device) for count in size)
    index = torch.stack(torch.meshgrid(columns, rows, indexing='xy'), -1)  # (rows, columns, 2)
    steps = extents / extents.new_tensor([size[1], size[0]])
    corners = starts + index * steps
    if offset.numel():
        corners = corners + gamma * extents * offset.permute(0, 2, 3, 1)
    pictures = boxes[:, None, None, :1].expand(*corners.shape[:3], 1)
    return torch.cat([pictures, corners, corners + steps], -1).flatten(0, 2)


def _portions(
    boxes: Tensor, size: tuple[int, int], scale: float, sampling_ratio: int, channels: int
) -> Iterator[tuple[Tensor, tuple[int, int]]]:
    """Yield bins that have equally many samples.

    Args:
        boxes: (K, 5), index of the picture and x1, y1, x2, y2 in pixels of the picture.
        size: Rows and columns of bins.
        scale: Feature pixels per picture pixel.
        sampling_ratio: Samples a bin along each axis, 0 for one a feature pixel.
        channels: Channels of the features.

    Yields:
        (B,) index into the K · rows · columns bins, and rows and columns of samples in each of them. Bins of boxes
        without extent, which have no samples, are left out.
    """
    extents = (boxes[:, [4, 3]] - boxes[:, [2, 1]]) * scale / boxes.new_tensor(size)
    counts = torch.full_like(extents, sampling_ratio) if sampling_ratio > 0 else extents.ceil()
    counts = counts.long().repeat_interleave(size[0] * size[1], 0)
    for rows, columns in torch.unique(counts, dim=0).tolist():
        if rows > 0 and columns > 0:
            members = ((counts[:, 0] == rows) & (counts[:, 1] == columns)).nonzero().squeeze(1)
            for part in members.split(max(1, VALUES_AT_ONCE // (channels * rows * columns))):
                yield part, (rows, columns)


def _gradient_by_place(grad: Tensor, features: Tensor, bins: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return the derivative of the pooled values by where a bin lies, (B, 2) as x, y.

    Args:
        grad: (B, C) gradient by the pooled values.
        features: (N, C, H, W).
        bins: (B, 5), index of the picture and x1, y1, x2, y2 in feature pixels before the half-pixel shift.
        grid: Rows and columns of samples in each bin.
    """
    channels, height, width = features.shape[1:]
    rows, columns = ((torch.arange(count, dtype=bins.dtype, device=bins.device) + 0.5) / count for count in grid)
    extents = bins[:, 3:] - bins[:, 1:3]
    flat = features.permute(0, 2, 3, 1).reshape(-1, channels)
    first_pixel = bins[:, 0, None, None].long() * (height * width)
    with torch.enable_grad():
        corners = (bins[:, 1:3] - 0.5).requires_grad_()
        x = (corners[:, 0, None] + columns * extents[:, 0, None])[:, None, :]
        y = (corners[:, 1, None] + rows * extents[:, 1, None])[:, :, None]
        y, x = torch.broadcast_tensors(y, x)  # (B, rows, columns)
        pooled = torch.zeros_like(y)
        for pixel, weight in corner_weights(y, x, height, width):
            pooled = pooled + (flat[first_pixel + pixel] * grad[:, None, None]).sum(-1) * weight
        return torch.autograd.grad(pooled.mean((1, 2)).sum(), corners)[0]
