"""Box overlap through mmcv.ops, against pixel counting."""

import numpy as np
import pytest
import torch
from mmcv.ops import bbox_overlaps


def pixel_sets(boxes, offset):
    return [
        {(x, y) for x in range(int(x1), int(x2) + offset) for y in range(int(y1), int(y2) + offset)}
        for x1, y1, x2, y2 in boxes.tolist()
    ]


@pytest.mark.parametrize('mode', ['iou', 'iof'])
@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.float16])
def test_overlap_counts_pixels(mode, offset, aligned, dtype):
    rng = np.random.default_rng(offset)
    corners = rng.integers(0, 8, (12, 2))
    boxes = torch.from_numpy(np.hstack([corners, corners + rng.integers(1, 8, (12, 2))])).to(dtype)
    first, second = (boxes[::2], boxes[1::2]) if aligned else (boxes[:5], boxes[5:])
    expected = [
        [len(a & b) / (len(a | b) if mode == 'iou' else len(a)) for b in pixel_sets(second, offset)]
        for a in pixel_sets(first, offset)
    ]
    expected = torch.tensor(expected, dtype=torch.float64)
    overlaps = bbox_overlaps(first, second, mode=mode, aligned=aligned, offset=offset)
    assert overlaps.dtype == dtype
    tolerance = 1e-3 if dtype == torch.float16 else 1e-6
    torch.testing.assert_close(
        overlaps.double(), expected.diagonal() if aligned else expected, rtol=tolerance, atol=tolerance
    )


def test_docstring_examples():
    first = torch.tensor([[0.0, 0, 10, 10], [10, 10, 20, 20], [32, 32, 38, 42]])
    second = torch.tensor([[0.0, 0, 10, 20], [0, 10, 10, 19], [10, 10, 20, 20]])
    assert bbox_overlaps(first, second).tolist() == [[0.5, 0, 0], [0, 0, 1], [0, 0, 0]]
    empty, box = torch.empty(0), torch.tensor([[0.0, 0, 10, 9]])
    assert bbox_overlaps(empty, box).shape == (0, 1)
    assert bbox_overlaps(box, empty).shape == (1, 0)
    assert bbox_overlaps(empty, empty).shape == (0, 0)
