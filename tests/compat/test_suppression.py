"""Suppression through mmcv.ops, against definitions in exact fractions and hand-worked lists."""

import math
import time
from fractions import Fraction

import numpy as np
import pytest
import torch
from mmcv.ops import batched_nms, nms, nms_match, soft_nms

PLAIN = {'type': 'nms', 'iou_threshold': 0.5}


def crowded_boxes(count, seed, size=12):
    """Boxes on whole pixels that overlap a lot, so that many overlaps hit a threshold exactly, and distinct scores."""
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, size, (count, 2))
    boxes = np.concatenate([corners, corners + rng.integers(1, size, (count, 2))], 1)
    return boxes.astype(np.float32), (rng.permutation(count) + 1).astype(np.float32) / (count + 1)


def exact_iou(a, b, offset=0):
    ax1, ay1, ax2, ay2 = (int(v) for v in a)
    bx1, by1, bx2, by2 = (int(v) for v in b)
    w = max(0, min(ax2, bx2) - max(ax1, bx1) + offset)
    h = max(0, min(ay2, by2) - max(ay1, by1) + offset)
    areas = [(x2 - x1 + offset) * (y2 - y1 + offset) for x1, y1, x2, y2 in ((ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2))]
    return Fraction(w * h, sum(areas) - w * h)


def reference_nms(boxes, scores, threshold, offset):
    kept = []
    for i in np.argsort(-scores):
        if all(exact_iou(boxes[i], boxes[j], offset) <= Fraction(threshold) for j in kept):
            kept.append(int(i))
    return kept


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('threshold', ['0.3', '0.5', '0.6', '0.7'])
def test_nms_is_the_definition_and_an_exact_hit_survives(threshold, offset):
    hits = 0
    for seed in range(4):
        boxes, scores = crowded_boxes(60, seed)
        expected = reference_nms(boxes, scores, threshold, offset)
        dets, kept = nms(boxes, scores, float(threshold), offset=offset)
        assert kept.tolist() == expected
        np.testing.assert_array_equal(dets, np.column_stack([boxes[expected], scores[expected]]))
        hits += sum(exact_iou(a, b, offset) == Fraction(threshold) for a in boxes for b in boxes)
    assert hits > 0  # else the four pictures would say nothing about exact hits


@pytest.mark.parametrize('dtype', [torch.float64, torch.float16, torch.bfloat16])
def test_nms_takes_other_formats_and_strided_input(dtype):
    boxes, scores = crowded_boxes(40, 7)
    wide = torch.from_numpy(np.tile(boxes, (1, 2))).to(dtype)
    _, kept = nms(wide[:, :4], torch.from_numpy(scores).repeat_interleave(2)[::2], 0.6)
    assert kept.tolist() == reference_nms(boxes, scores, '0.6', 0)


def test_nms_docstring_example_score_threshold_and_maximum():
    boxes = np.array(
        [
            [49.1, 32.4, 51.0, 35.9],
            [49.3, 32.9, 51.0, 35.3],
            [49.2, 31.8, 51.0, 35.4],
            [35.1, 11.5, 39.1, 15.7],
            [35.6, 11.8, 39.3, 14.2],
            [35.3, 11.5, 39.9, 14.5],
            [35.2, 11.7, 39.7, 15.7],
        ],
        dtype=np.float32,
    )
    scores = np.array([0.9, 0.9, 0.5, 0.5, 0.5, 0.4, 0.3], dtype=np.float32)
    assert nms(boxes, scores, 0.6)[1].tolist() == [0, 3, 4]
    assert nms(boxes, scores, 0.6, score_threshold=0.5)[1].tolist() == [0]
    assert nms(boxes, scores, 0.6, max_num=2)[1].tolist() == [0, 3]


def test_no_boxes():
    boxes, scores = torch.zeros(0, 4), torch.zeros(0)
    for function in (nms, soft_nms):
        dets, kept = function(boxes, scores, 0.5)
        assert dets.shape == (0, 5)
        assert kept.shape == (0,)
        assert kept.dtype == torch.int64
    assert nms_match(torch.zeros(0, 5), 0.5) == []
    dets, kept = batched_nms(boxes, scores, scores.long(), PLAIN, class_agnostic=True)
    assert dets.shape == (0, 5)


def test_batched_nms_is_nms_within_each_class():
    boxes, scores = (torch.from_numpy(part) for part in crowded_boxes(80, 1))
    labels = torch.arange(80) % 3
    dets, kept = batched_nms(boxes, scores, labels, PLAIN)
    by_class = [
        i for c in range(3) for i in np.flatnonzero(labels == c)[nms(boxes[labels == c], scores[labels == c], 0.5)[1]]
    ]
    assert sorted(kept.tolist()) == sorted(by_class)
    assert kept.tolist() == sorted(by_class, key=lambda i: -scores[i])
    torch.testing.assert_close(dets, torch.cat([boxes[kept], scores[kept, None]], 1), rtol=0, atol=0)

    portioned, kept_portioned = batched_nms(boxes, scores, labels, {**PLAIN, 'split_thr': 10})
    assert kept_portioned.tolist() == kept.tolist()
    torch.testing.assert_close(portioned, dets, rtol=0, atol=0)


def test_batched_nms_ignoring_classes_limited_and_switched_off():
    boxes, scores = (torch.from_numpy(part) for part in crowded_boxes(80, 2))
    labels = torch.arange(80) % 3
    expected = nms(boxes, scores, 0.5)[1].tolist()
    for agnostic in ({**PLAIN, 'class_agnostic': True}, {**PLAIN, 'class_agnostic': True, 'split_thr': 1000}):
        assert batched_nms(boxes, scores, labels, agnostic)[1].tolist() == expected
    assert batched_nms(boxes, scores, labels, PLAIN, True)[1].tolist() == expected
    limited = {**PLAIN, 'max_num': 4, 'split_thr': 10}
    assert len(batched_nms(boxes, scores, labels, limited)[1]) == 4
    dets, kept = batched_nms(boxes, scores, labels, None)
    assert kept.tolist() == np.argsort(-scores.numpy()).tolist()
    assert dets.shape == (80, 5)


@pytest.mark.parametrize(
    ('method', 'second_score'),
    [('naive', None), ('linear', 0.8 * (1 - 1 / 3)), ('gaussian', 0.8 * math.exp(-(1 / 9) / 0.5))],
)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_soft_nms_of_two_boxes(method, second_score, dtype):
    boxes = torch.tensor([[0, 0, 10, 10], [5, 0, 15, 10]], dtype=dtype)  # overlap 1/3
    dets, kept = soft_nms(boxes, torch.tensor([0.8, 0.9], dtype=dtype), 0.3, sigma=0.5, method=method)
    assert dets.dtype == dtype
    expected = [[5, 0, 15, 10, 0.9]] + ([] if second_score is None else [[0, 0, 10, 10, second_score]])
    assert kept.tolist() == [1, 0][: len(expected)]
    torch.testing.assert_close(dets, torch.tensor(expected, dtype=dtype))


def test_soft_nms_counts_pixels_with_offset_one():
    boxes = torch.tensor([[0.0, 0, 9, 9], [5, 0, 14, 9]])  # 10 pixels wide, 5 of them shared
    dets, _ = soft_nms(boxes, torch.tensor([0.9, 0.8]), 0.3, method='linear', offset=1)
    assert dets[1, 4].item() == pytest.approx(0.8 * (1 - 1 / 3))


def reference_soft_nms(boxes, scores, threshold, sigma, minimum, method):
    left = {i: float(s) for i, s in enumerate(scores)}
    chosen = []
    while left:
        best = max(left, key=left.__getitem__)
        chosen.append((best, left.pop(best)))
        for i in list(left):
            iou = float(exact_iou(boxes[best], boxes[i]))
            if method == 'gaussian':
                left[i] *= math.exp(-(iou**2) / sigma)
            elif iou >= threshold:
                left[i] *= 0 if method == 'naive' else 1 - iou
            if left[i] < minimum:
                del left[i]
    return chosen


@pytest.mark.parametrize('method', ['naive', 'linear', 'gaussian'])
def test_soft_nms_is_the_definition(method):
    boxes, scores = crowded_boxes(50, 3)
    scores = scores.astype(np.float64)
    dets, kept = soft_nms(boxes.astype(np.float64), scores, 0.35, sigma=0.4, min_score=0.02, method=method)
    expected = reference_soft_nms(boxes, scores, 0.35, 0.4, 0.02, method)
    assert kept.tolist() == [i for i, _ in expected]
    np.testing.assert_allclose(dets[:, 4], [score for _, score in expected])
    np.testing.assert_array_equal(dets[:, :4], boxes[kept])


def test_soft_nms_orders_equal_scores_as_compiled_mmcv_does():
    apart = np.array([[20 * i, 0, 20 * i + 10, 10] for i in range(4)], dtype=np.float32)
    # The first 0.9 changes places with box 0, then the second one does so too: [0 1 2 3] -> [1 0 2 3] -> [1 3 2 0].
    assert soft_nms(apart, np.array([0.5, 0.9, 0.5, 0.9], np.float32))[1].tolist() == [1, 3, 2, 0]
    # Box 1 falls below the minimum and the last box takes its place: [0 1 2 3] -> [0 3 2].
    assert soft_nms(apart, np.array([0.9, 0.01, 0.5, 0.5], np.float32), min_score=0.1)[1].tolist() == [0, 3, 2]
    # The best box stays whatever its score.
    assert soft_nms(apart, np.full(4, 0.01, np.float32), min_score=0.1)[1].tolist() == [0]


def test_soft_nms_docstring_example():
    boxes = np.array([[4, 3, 5, 3], [4, 3, 5, 4]] + 4 * [[3, 1, 3, 1]], dtype=np.float32)
    scores = np.array([0.9, 0.9, 0.5, 0.5, 0.4, 0.0], dtype=np.float32)
    dets, kept = soft_nms(boxes, scores, 0.6, sigma=0.5)
    assert len(dets) == len(kept) == 5


@pytest.mark.parametrize('threshold', ['0.4', '0.5', '0.6'])
@pytest.mark.parametrize('as_tensor', [True, False])
def test_nms_match_groups_what_one_box_suppresses(threshold, as_tensor):
    for seed in range(3):
        boxes, scores = crowded_boxes(50, seed)
        left, expected = [int(i) for i in np.argsort(-scores)], []
        while left:
            group = [i for i in left[1:] if exact_iou(boxes[left[0]], boxes[i]) >= Fraction(threshold)]
            expected.append([left[0], *group])
            left = [i for i in left[1:] if i not in group]
        dets = np.column_stack([boxes, scores])
        groups = nms_match(torch.from_numpy(dets) if as_tensor else dets, float(threshold))
        assert [group.tolist() for group in groups] == expected


def test_a_thousand_boxes_take_less_than_half_a_second():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 400, (1000, 2))
    boxes = torch.from_numpy(np.hstack([corners, corners + rng.uniform(10, 80, (1000, 2))])).float()
    scores = torch.from_numpy(rng.uniform(size=1000)).float()

    def soft():
        return soft_nms(boxes, scores, method='gaussian', min_score=0)

    def match():
        return nms_match(torch.cat([boxes, scores[:, None]], 1), 0.5)

    def pixels():
        return nms(boxes, scores, 0.5, offset=1)

    for function in (soft, match, pixels):
        durations = []
        for _ in range(3):
            start = time.process_time()
            function()
            durations.append(time.process_time() - start)
        assert min(durations) < 0.5, function.__name__
    assert len(soft()[1]) == 1000
