"""Overlap of axis-aligned boxes."""

import torch
from torch import Tensor

from posescope.compat.mmcv_ext.precision import widened

INTERSECTION_OVER_UNION = 0
"""``mode`` of :func:`bbox_overlaps`; the other one, 1, divides by the area of the first box."""


def bbox_overlaps(bboxes1: Tensor, bboxes2: Tensor, ious: Tensor, mode: int, aligned: bool, offset: int) -> None:
    """Fill ``ious`` with the overlap of two sets of boxes.

    Args:
        bboxes1: (M, 4), x1, y1, x2, y2 in pixels.
        bboxes2: (N, 4), likewise; N = M if ``aligned``.
        ious: Filled: (M,) if ``aligned``, else (M, N). Two boxes without area give NaN, as compiled mmcv does.
        mode: 0 for intersection over union, 1 for intersection over the area of the first box.
        aligned: Compare box i with box i only.
        offset: 1 if x2 and y2 name the last pixel of a box, 0 if they name its edge.
    """
    first, second = widened(bboxes1, bboxes2)
    if not aligned:
        first = first[:, None]
    sides = torch.minimum(first[..., 2:], second[..., 2:]) - torch.maximum(first[..., :2], second[..., :2])
    intersection = (sides + offset).clamp(min=0).prod(-1)
    base = (first[..., 2:] - first[..., :2] + offset).prod(-1)
    if mode == INTERSECTION_OVER_UNION:
        base = base + (second[..., 2:] - second[..., :2] + offset).prod(-1) - intersection
    ious.copy_(intersection / base)
