"""Gathering what a model said, sample by sample, from batches and from several processes."""

import pickle
from itertools import chain, zip_longest
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.evaluator.metric import _to_cpu

from posescope.errors import InputError
from posescope.evaluation.predictions import Batch, collect, read_batch


def sample(number: int, people: int = 1, **predicted: Any) -> dict[str, Any]:
    """What says everywhere which sample it belongs to."""
    row = np.full(people, number, np.float32)
    instances = {
        'keypoints': np.tile(row[:, None, None], (1, 3, 2)),
        'keypoint_scores': np.tile(row[:, None], (1, 3)),
        'bbox_scores': row,
        'bboxes': row[:, None] + np.array([0, 0, 2, 5], np.float32),
    }
    return {
        'id': 100 - number,
        'img_id': 7 + number % 3,
        'category_id': 1 + number % 2,
        'pred_instances': {**instances, **predicted},
        'gt_instances': {'bbox_scales': np.tile(row[:, None], (1, 2))},
    }


def collected(batches: list[Batch]) -> dict[str, list]:
    found = collect(batches, joints=3)
    return {name: getattr(found, name).tolist() for name in found.__dataclass_fields__}


def test_every_field_stays_with_its_sample() -> None:
    found = collected([read_batch([sample(number) for number in numbers]) for numbers in ([4, 0, 5], [1], [2, 3])])
    order = [3, 0, 4, 1, 5, 2]  # by image, then by id, which descends
    assert found['image_ids'] == [7, 7, 8, 8, 9, 9]
    assert found['category_ids'] == [1 + number % 2 for number in order]
    assert found['keypoints'] == [[[number] * 2] * 3 for number in order]
    assert found['keypoint_scores'] == [[number] * 3 for number in order]
    assert found['box_scores'] == order
    assert found['areas'] == [number**2 for number in order]
    assert found['boxes'] == [[number, number, 2, 5] for number in order]


def test_batches_of_any_size_are_the_same() -> None:
    samples = [{**sample(number, people=number % 4), 'id': [number]} for number in range(9)]
    samples = [{**one, 'img_id': number} for number, one in enumerate(samples)]
    expected = collected([read_batch(samples)])
    assert len(expected['boxes']) == sum(number % 4 for number in range(9))
    for size in (1, 2, 4):
        assert collected([read_batch(samples[i : i + size]) for i in range(0, 9, size)]) == expected


def test_what_a_sampler_drew_twice_counts_once() -> None:
    """Two processes share five samples by turns; the second draws the first one again. As MMEngine gathers them."""
    parts = []
    for numbers in ([0, 2, 4], [1, 3, 0]):
        kept: list[Batch] = []
        for batch in (numbers[:2], numbers[2:]):
            kept += [read_batch([sample(number) for number in batch])] * len(batch)
        parts.append(pickle.loads(pickle.dumps(kept, protocol=2)))
    in_turn = _to_cpu([one for one in chain.from_iterable(zip_longest(*parts)) if one is not None][:5])
    assert collected(in_turn) == collected([read_batch([sample(number) for number in range(5)])])


def test_scores_of_boxes_come_from_the_model_the_detector_or_are_one() -> None:
    given = {'bbox_scores': np.array([0.25], np.float32), 'bbox_scales': np.ones((1, 2))}
    samples = [
        sample(0),
        {**sample(3), 'gt_instances': given},
        {**sample(6, bbox_scores=None), 'gt_instances': given},
        sample(9, bbox_scores=None),
        {**sample(12, people=2, bbox_scores=None), 'gt_instances': {**given, 'bbox_scales': np.ones((2, 2))}},
    ]
    assert read_batch(samples).box_scores.tolist() == [0, 3, 0.25, 1, 1, 1]
    assert read_batch([{**sample(3), 'gt_instances': given}]).box_scores.dtype == np.float32


def test_boxes_and_scales_may_be_missing() -> None:
    bare = sample(3, bboxes=None)
    del bare['gt_instances'], bare['category_id']
    found = collect([read_batch([bare])], joints=3)
    assert found.boxes is None
    assert found.areas.tolist() == [0]  # of the box around the joints
    assert found.category_ids.tolist() == [1]


def test_tensors_will_do() -> None:
    arrays, tensors = sample(4), sample(4)
    for name in ('pred_instances', 'gt_instances'):
        tensors[name] = {key: torch.from_numpy(value) for key, value in tensors[name].items()}
    assert collected([read_batch([tensors])]) == collected([read_batch([arrays])])


def test_nothing_predicted() -> None:
    for batches in ([], [read_batch([sample(0, people=0), sample(1, people=0)])]):
        found = collect(batches, joints=3)
        assert (found.keypoints.shape, found.keypoint_scores.shape) == ((0, 3, 2), (0, 3))


def test_outputs_that_are_no_poses_are_refused() -> None:
    with pytest.raises(InputError, match="left no 'pred_instances'"):
        read_batch([sample(0), {'id': 1, 'img_id': 1}])
    unscored = sample(1)
    del unscored['pred_instances']['keypoint_scores']
    with pytest.raises(InputError, match="left no 'keypoint_scores'"):
        read_batch([unscored])
    with pytest.raises(InputError, match=r'joints of shape \(1, 3, 2\), but scores of shape \(1, 2\)'):
        collect([read_batch([sample(1, keypoint_scores=np.ones((1, 2)))])], joints=3)


def test_boxes_that_are_not_finite_are_refused() -> None:
    """One of infinite size would be outside every range of areas, and so no false positive."""
    wrong = sample(3, bboxes=np.array([[0, 0, np.inf, 5]], np.float32))
    with pytest.raises(InputError, match='have a joint or a score or a box that is not finite, first on image 7'):
        collect([read_batch([wrong])], joints=3)
