"""Non-maximum suppression: hard, soft, and with a record of what suppressed what."""

from functools import partial

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from torch import Tensor

from posescope.compat.mmcv_ext.precision import widened

NAIVE, LINEAR, GAUSSIAN = 0, 1, 2
"""``method`` of :func:`softnms`: drop, or damp by 1 - IoU, boxes over the threshold; damp all by exp(-IoU² / sigma)."""


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Drop every box that overlaps a better one by more than a threshold.

    Args:
        boxes: (N, 4), x1, y1, x2, y2 in pixels.
        scores: (N,), higher is better; among equals the earlier box wins.
        iou_threshold: A box survives an overlap of exactly this much.
        offset: 1 if x2 and y2 name the last pixel of a box, 0 if they name its edge.

    Returns:
        (M,) int64, the indices of the surviving boxes, best first.
    """
    (boxes,) = widened(boxes)
    if offset:
        # A box that ends with pixel x2 reaches to x2 + 1. float64, because in float32 that sum would round where the
        # difference x2 - x1 + 1, which mmcv computes, is exact.
        boxes = boxes.double() + boxes.new_tensor([0, 0, offset, offset], dtype=torch.float64)
    # torchvision compares in float64: unrounded, an IoU of exactly .6 in float32 would count as more than .6.
    threshold = torch.tensor(iou_threshold, dtype=boxes.dtype).item()
    return torchvision.ops.nms(boxes, scores.detach().to(boxes.dtype), threshold)


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Lower the scores of boxes that overlap better ones (Bodla et al., ICCV 2017), on the CPU.

    Boxes move within the list as they do in compiled mmcv, because that decides which of two equal scores comes first:
    the best one changes places with the first, and the place of a dropped one is taken by the last.

    Args:
        boxes: (N, 4), x1, y1, x2, y2 in pixels.
        scores: (N,), higher is better.
        dets: (N, 5); its first M rows are filled with the kept boxes and their new scores, in the order of choice.
        iou_threshold: For the naive and linear methods, the overlap from which a score is lowered.
        sigma: Width of the Gaussian method.
        min_score: Boxes whose score falls below are dropped; the best of all is kept whatever its score.
        method: :data:`NAIVE`, :data:`LINEAR` or :data:`GAUSSIAN`.
        offset: 1 if x2 and y2 name the last pixel of a box, 0 if they name its edge.

    Returns:
        (M,) int64, the index of each kept box.
    """
    corners, values = (tensor.numpy() for tensor in widened(boxes, scores))
    table = np.concatenate([corners, values[:, None]], axis=1)  # (N, 5)
    indices = np.arange(len(table))
    weigh = partial(_weights, iou_threshold=iou_threshold, sigma=sigma, method=method)
    chosen = 0
    while chosen < len(table):
        best = chosen + int(table[chosen:, 4].argmax())
        table[[chosen, best]] = table[[best, chosen]]
        indices[[chosen, best]] = indices[[best, chosen]]
        chosen += 1
        table[chosen:, 4] *= weigh(_overlaps(table[chosen - 1], table[chosen:], offset))
        order = np.concatenate([np.arange(chosen), chosen + _compacted(table[chosen:, 4] >= min_score)])
        if len(order) < len(table):
            table, indices = table[order], indices[order]
    dets[: len(table)] = torch.from_numpy(table).to(dets)
    return torch.from_numpy(indices)


def nms_match(dets: Tensor, iou_threshold: float) -> list[list[int]]:
    """Group boxes by the box that suppresses them, on the CPU.

    Args:
        dets: (N, 5), x1, y1, x2, y2 in pixels and a score; among equal scores the earlier box wins.
        iou_threshold: A box that overlaps a better one by at least this much joins its group.

    Returns:
        One list of indices a group, best group and best index first.
    """
    table = widened(dets)[0].numpy()
    threshold = table.dtype.type(iou_threshold)
    left = np.argsort(-table[:, 4], kind='stable')
    groups = []
    while left.size:
        best, others = left[0], left[1:]
        joins = _overlaps(table[best], table[others], offset=0) >= threshold
        groups.append([int(best), *others[joins].tolist()])
        left = others[~joins]
    return groups


def _overlaps(box: NDArray, others: NDArray, offset: int) -> NDArray:
    """Return the intersection over union of one box with (N, ≥ 4) others, NaN between boxes without area."""
    sides = np.minimum(box[2:4], others[:, 2:4]) - np.maximum(box[:2], others[:, :2]) + offset
    intersection = sides.clip(min=0).prod(1)
    area = (box[2] - box[0] + offset) * (box[3] - box[1] + offset)
    areas = (others[:, 2] - others[:, 0] + offset) * (others[:, 3] - others[:, 1] + offset)
    with np.errstate(invalid='ignore', divide='ignore'):
        return intersection / (area + areas - intersection)


def _weights(overlaps: NDArray, iou_threshold: float, sigma: float, method: int) -> NDArray:
    """Return the factor by which each overlap (N,) lowers a score."""
    if method == GAUSSIAN:
        return np.exp(-(overlaps**2) / overlaps.dtype.type(sigma))
    lowered = np.zeros_like(overlaps) if method == NAIVE else 1 - overlaps
    return np.where(overlaps >= overlaps.dtype.type(iou_threshold), lowered, overlaps.dtype.type(1))


def _compacted(kept: NDArray) -> NDArray:
    """Return the order in which a list looks after each dropped place was taken by the last kept entry.

    Args:
        kept: (N,) bool.

    Returns:
        (M,) positions of the M kept entries.
    """
    count = int(kept.sum())
    order = np.arange(count)
    holes = np.flatnonzero(~kept[:count])
    order[holes] = count + np.flatnonzero(kept[count:])[::-1]
    return order
