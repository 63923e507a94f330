"""RoIPool through mmcv.ops, against its definition in plain Python."""

import math

import numpy as np
import torch
from mmcv.ops import RoIPool, roi_pool

from posescope.compat.mmcv_ext.roi_pool import roi_pool_forward

BOXES = torch.tensor(
    [[0, 1, 2, 9, 11], [1, 0, 0, 12, 9], [1, -3, -4, 2, 3], [0, 8, 8, 40, 30], [1, 4, 4, 4, 4], [0, 50, 50, 60, 60]],
    dtype=torch.float64,
)
FEATURES = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 8, 7)))
SIZE, SCALE = (3, 2), 0.55


def reference(features, boxes, size, scale):
    height, width = features.shape[2:]
    values = np.zeros((len(boxes), features.shape[1], *size))
    winners = np.full(values.shape, -1)
    for k, (picture, x1, y1, x2, y2) in enumerate(boxes.tolist()):
        left, top, right, bottom = x1 * scale, y1 * scale, (x2 + 1) * scale, (y2 + 1) * scale
        for i in range(size[0]):
            rows = [top + step * (bottom - top) / size[0] for step in (i, i + 1)]
            for j in range(size[1]):
                columns = [left + step * (right - left) / size[1] for step in (j, j + 1)]
                pixels = [
                    (y, x)
                    for y in range(max(0, math.floor(rows[0])), min(height, math.ceil(rows[1])))
                    for x in range(max(0, math.floor(columns[0])), min(width, math.ceil(columns[1])))
                ]
                for c in range(features.shape[1]):
                    if pixels:
                        y, x = max(pixels, key=lambda place: features[int(picture), c][place].item())
                        values[k, c, i, j], winners[k, c, i, j] = features[int(picture), c, y, x], y * width + x
    return torch.from_numpy(values), torch.from_numpy(winners)


def test_values_winners_and_gradients():
    values, winners = reference(FEATURES, BOXES, SIZE, SCALE)
    assert (winners == -1).any()
    torch.testing.assert_close(roi_pool(FEATURES, BOXES, SIZE, SCALE), values, rtol=0, atol=0)
    output, argmax = torch.empty_like(values), torch.empty(values.shape, dtype=torch.int32)
    roi_pool_forward(FEATURES, BOXES, output, argmax, *SIZE, SCALE)
    torch.testing.assert_close(argmax.long(), winners)
    features = FEATURES.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda f: roi_pool(f, BOXES, SIZE, SCALE), features)


def test_strided_input_and_narrow_formats():
    expected, _ = reference(FEATURES, BOXES, SIZE, SCALE)
    strided = FEATURES.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    torch.testing.assert_close(roi_pool(strided, BOXES, SIZE, SCALE), expected, rtol=0, atol=0)
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        pooled = roi_pool(FEATURES.to(dtype), BOXES.to(dtype), SIZE, SCALE)
        torch.testing.assert_close(pooled, expected.to(dtype), rtol=0, atol=0)


def test_a_box_turned_inside_out_gives_zero_and_no_gradient():
    features = torch.full((1, 1, 5, 5), 7.0, requires_grad=True)
    pooled = roi_pool(features, torch.tensor([[0, 3.0, 3, 1, 1]]), 2, 1.0)
    assert pooled.abs().max() == 0
    pooled.sum().backward()
    assert features.grad.abs().max() == 0


def test_no_boxes():
    features = torch.randn(2, 3, 5, 5, requires_grad=True)
    pooled = RoIPool((4, 2), 0.5)(features, torch.zeros(0, 5))
    assert pooled.shape == (0, 3, 4, 2)
    pooled.sum().backward()
    assert features.grad.abs().max() == 0


def test_the_whole_map_in_as_many_bins_as_pixels_is_the_map():
    count = 4
    features = torch.arange(float(count**2)).reshape(1, 1, count, count)
    pooled = roi_pool(features, torch.tensor([[0, 0.0, 0, count - 1, count - 1]]), count, 1.0)
    torch.testing.assert_close(pooled, features, rtol=0, atol=0)
