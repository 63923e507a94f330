"""RoIAlign through mmcv.ops, against its definition in plain Python and against closed forms."""

import math

import numpy as np
import pytest
import torch
from mmcv.ops import RoIAlign, roi_align

from tests.compat.bilinear_reference import clamped_sample

BOXES = torch.tensor(
    [[0, 1, 2, 9, 11], [1, 0.3, 0.7, 12.2, 9.9], [1, -3, -4, 2, 3.3], [0, 8, 8, 40, 30], [1, 2, 3, 2.5, 3.5]],
    dtype=torch.float64,
)
FEATURES = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 7, 6)))
SIZE, SCALE = (3, 2), 0.6


def reference(features, boxes, size, scale, ratio, mode, aligned):
    out = np.zeros((len(boxes), features.shape[1], *size))
    for k, (picture, *corners) in enumerate(boxes.tolist()):
        x1, y1, x2, y2 = (c * scale - (0.5 if aligned else 0) for c in corners)
        height, width = (y2 - y1, x2 - x1) if aligned else (max(y2 - y1, 1), max(x2 - x1, 1))
        rows, columns = (ratio or math.ceil(height / size[0])), (ratio or math.ceil(width / size[1]))
        for c in range(features.shape[1]):
            for i in range(size[0]):
                for j in range(size[1]):
                    samples = [
                        clamped_sample(
                            features[int(picture), c].numpy(),
                            y1 + (i + (r + 0.5) / rows) * height / size[0],
                            x1 + (j + (s + 0.5) / columns) * width / size[1],
                        )
                        for r in range(rows)
                        for s in range(columns)
                    ]
                    out[k, c, i, j] = max(samples) if mode == 'max' else sum(samples) / len(samples)
    return torch.from_numpy(out)


@pytest.mark.parametrize('mode', ['avg', 'max'])
@pytest.mark.parametrize('ratio', [0, 2])
@pytest.mark.parametrize('aligned', [True, False])
def test_values_and_gradients(mode, ratio, aligned):
    arguments = (SIZE, SCALE, ratio, mode, aligned)
    pooled = roi_align(FEATURES, BOXES, *arguments)
    torch.testing.assert_close(pooled, reference(FEATURES, BOXES, SIZE, SCALE, ratio, mode, aligned))
    features = FEATURES.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda f: roi_align(f, BOXES, *arguments), features)


@pytest.mark.parametrize('mode', ['avg', 'max'])
def test_strided_input_and_narrow_formats(mode):
    expected = reference(FEATURES, BOXES, SIZE, SCALE, 2, mode, True)
    strided = FEATURES.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    boxes = torch.stack([BOXES, BOXES], -1)[..., 0]
    assert not strided.is_contiguous()
    torch.testing.assert_close(roi_align(strided, boxes, SIZE, SCALE, 2, mode), expected)
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float16, 5e-2), (torch.bfloat16, 2e-1)):
        narrow = FEATURES.to(dtype).requires_grad_()
        pooled = roi_align(narrow, BOXES.to(dtype), SIZE, SCALE, 2, mode)
        assert pooled.dtype == dtype
        torch.testing.assert_close(pooled.double(), expected, rtol=tolerance, atol=tolerance)
        pooled.sum().backward()
        assert narrow.grad.dtype == dtype


def test_average_of_a_ramp_is_its_value_in_the_middle_of_each_bin():
    y, x = torch.meshgrid(torch.arange(20.0), torch.arange(30.0), indexing='ij')
    ramp = (2 * y + 3 * x + 1)[None, None]
    pooled = roi_align(ramp, torch.tensor([[0, 8.0, 12, 32, 36]]), (2, 3), 0.5, 2, 'avg', True)[0, 0]
    middles_y = 12 * 0.5 - 0.5 + 6 * torch.tensor([0.5, 1.5])  # 12 feature pixels high, 2 bins
    middles_x = 8 * 0.5 - 0.5 + 4 * torch.tensor([0.5, 1.5, 2.5])  # 12 feature pixels wide, 3 bins
    torch.testing.assert_close(pooled, 2 * middles_y[:, None] + 3 * middles_x + 1)


def test_maximum_of_a_ramp_sends_its_gradient_to_the_last_sample():
    y, x = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing='ij')
    ramp = (y + 10 * x)[None, None].requires_grad_()
    # One bin from 1 to 5, samples at 2 and 4 less half a pixel: the last is at y = x = 3.5, between four pixels.
    pooled = roi_align(ramp, torch.tensor([[0, 1.0, 1, 5, 5]]), (1, 1), 1.0, 2, 'max', True)
    assert pooled.item() == pytest.approx(3.5 + 35)
    pooled.sum().backward()
    expected = torch.zeros(8, 8)
    expected[3:5, 3:5] = 0.25
    torch.testing.assert_close(ramp.grad[0, 0], expected)


@pytest.mark.parametrize('mode', ['avg', 'max'])
def test_boxes_without_extent_give_zero_and_no_gradient(mode):
    features = torch.full((1, 2, 5, 5), 7.0, requires_grad=True)
    pooled = roi_align(features, torch.tensor([[0, 2.0, 2, 2, 2]]), 2, 1.0, 0, mode, True)
    assert pooled.abs().max() == 0
    pooled.sum().backward()
    assert features.grad.abs().max() == 0


@pytest.mark.parametrize('mode', ['avg', 'max'])
def test_no_boxes(mode):
    features = torch.randn(2, 3, 5, 5, requires_grad=True)
    pooled = RoIAlign((4, 2), 0.5, pool_mode=mode)(features, torch.zeros(0, 5))
    assert pooled.shape == (0, 3, 4, 2)
    pooled.sum().backward()
    assert features.grad.abs().max() == 0


def test_the_first_of_equal_samples_wins():
    features = torch.ones(1, 1, 6, 6, requires_grad=True)
    roi_align(features, torch.tensor([[0, 0.5, 0.5, 4.5, 4.5]]), 1, 1.0, 4, 'max', True).sum().backward()
    expected = torch.zeros(6, 6)
    # The samples are 1 feature pixel apart and start at 0.5 - 0.5 + 0.5 = 0.5.
    expected[:2, :2] = 0.25
    torch.testing.assert_close(features.grad[0, 0], expected)
