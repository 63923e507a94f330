"""From a model's predictions to scored detections without doubles, as MMPose's CocoMetric makes them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from mmpose.evaluation.functional import soft_oks_nms, transform_pred
from mmpose.structures.bbox import bbox_xyxy2xywh
from numpy.typing import NDArray

from posescope.errors import InputError
from posescope.evaluation.detections import check_finite, span_areas
from posescope.evaluation.suppression import oks_nms

__all__ = ['Batch', 'Predictions', 'as_array', 'collect', 'read_batch', 'score', 'suppress']

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """What a model said of S samples: N people in all, one a sample for a top-down model.

    Attributes:
        ids: S ids of samples; a list of ids each where samples are whole images.
        image_ids: S ids of their images.
        category_ids: S ids of the categories of their people.
        counts: S numbers of people.
        keypoints: (N, K, 2), image pixels.
        keypoint_scores: (N, K).
        box_scores: (N,).
        boxes: (N, 4), x1, y1, x2, y2 in image pixels; None if the model gives none.
        scales: (N, 2), width and height of what the model saw, in image pixels; None if not known.
        labels: What the data set attached to each sample, where there is no annotation file; not looked at here.
    """

    ids: Sequence[Any]
    image_ids: Sequence[Any]
    category_ids: Sequence[Any]
    counts: Sequence[int]
    keypoints: NDArray[np.floating]
    keypoint_scores: NDArray[np.floating]
    box_scores: NDArray[np.floating]
    boxes: NDArray[np.floating] | None
    scales: NDArray[np.floating] | None
    labels: Sequence[Any] | None = None


def read_batch(data_samples: Sequence[Mapping[str, Any]], labels: Sequence[Any] | None = None) -> Batch:
    """Take what is needed of a model's outputs; boxes' scores may stand with the labels, or are 1.

    Args:
        data_samples: One or more, with ``id``, ``img_id``, ``pred_instances`` and perhaps ``gt_instances``.
        labels: To keep with them.

    Raises:
        InputError: There is no prediction.
    """
    try:
        predicted = [sample['pred_instances'] for sample in data_samples]
        keypoints = [one['keypoints'] for one in predicted]
        scores = [one['keypoint_scores'] for one in predicted]
    except KeyError as error:
        raise InputError(f'the model left no {error} in its data samples: is it a pose estimator?') from None
    given = [sample.get('gt_instances', _NOTHING) for sample in data_samples]
    counts = tuple(map(len, keypoints))
    box_scores = [one.get('bbox_scores') for one in predicted]
    if any(scores is None for scores in box_scores):
        box_scores = [_box_scores(*parts) for parts in zip(box_scores, given, counts, strict=True)]
    return Batch(
        # Tuples of numbers, unlike lists, are nothing that Python's garbage collector would visit again and again.
        tuple([sample['id'] for sample in data_samples]),
        tuple([sample['img_id'] for sample in data_samples]),
        tuple([sample.get('category_id', 1) for sample in data_samples]),
        counts,
        _joined(keypoints),
        _joined(scores),
        _joined(box_scores),
        _joined([one.get('bboxes') for one in predicted]),
        _joined([one.get('bbox_scales') for one in given]),
        labels,
    )


def _box_scores(predicted: Any, given: Mapping[str, Any], count: int) -> Any:
    """Scores of ``count`` boxes: what the model says, or else the detector, or else 1."""
    if predicted is not None:
        return predicted
    scores = given.get('bbox_scores')
    return np.ones(count) if scores is None or len(scores) != count else scores


def _joined(arrays: Sequence[Any]) -> Any:
    """Concatenate arrays or tensors; None if there are none."""
    if arrays[0] is None:
        return None
    if isinstance(arrays[0], torch.Tensor):
        arrays = [as_array(tensor) for tensor in arrays]
    return np.concatenate(arrays)


def as_array(values: Any) -> NDArray[Any]:
    """Numbers of an array or of a tensor on any device; those of 16 bits get 32, as NumPy has no bfloat16."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = (values.float() if values.dtype in (torch.float16, torch.bfloat16) else values).numpy()
    array = np.asarray(values)
    return array.astype(np.float32) if array.dtype == np.float16 else array  # SciPy's filters refuse float16


@dataclass(frozen=True)
class Predictions:
    """D predicted people with K joints each.

    Attributes:
        image_ids: D ids of their images.
        category_ids: D ids of their categories.
        keypoints: (D, K, 2), image pixels.
        keypoint_scores: (D, K).
        box_scores: (D,).
        areas: (D,), pixels², by which suppression measures distances.
        boxes: (D, 4), x, y, width, height in image pixels; None if the model gives none.
    """

    image_ids: NDArray[Any]
    category_ids: NDArray[Any]
    keypoints: NDArray[np.floating]
    keypoint_scores: NDArray[np.floating]
    box_scores: NDArray[np.floating]
    areas: NDArray[np.floating]
    boxes: NDArray[np.floating] | None

    def __len__(self) -> int:
        return len(self.keypoints)

    def __getitem__(self, chosen: Any) -> 'Predictions':
        parts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return replace(self, **{name: part[chosen] for name, part in parts.items() if part is not None})


def collect(batches: Iterable[Batch], joints: int, converter: dict[str, Any] | None = None) -> Predictions:
    """Gather batches, image by image, and drop what came twice.

    A distributed sampler may have drawn a sample twice. A person of a top-down data set is known by image and sample
    id; other samples are whole images.

    Args:
        batches: What :func:`read_batch` took; one that stands there several times counts once.
        joints: K, for an empty result.
        converter: ``num_keypoints`` and ``mapping`` from predicted joints to those of the annotations.

    Raises:
        InputError: A joint or a score is not finite, or not every joint has a score.
    """
    batches = list(dict.fromkeys(batches))
    if not any(len(batch.keypoints) for batch in batches):
        empty = np.zeros(0)
        return Predictions(empty, empty, np.zeros((0, joints, 2)), np.zeros((0, joints)), empty, empty, None)
    ids, *numbers = (
        [entry for batch in batches for entry in getattr(batch, name)]
        for name in ('ids', 'image_ids', 'category_ids', 'counts')
    )
    image_ids, category_ids, counts = map(np.array, numbers)
    order = _distinct(ids, image_ids)
    chosen = _ranges((np.cumsum(counts) - counts)[order], counts[order])
    arrays: list[Any] = [
        _joined([getattr(batch, name) for batch in batches])
        for name in ('keypoints', 'keypoint_scores', 'box_scores', 'boxes', 'scales')
    ]
    if arrays[0].shape[:2] != arrays[1].shape:
        raise InputError(f'the model predicts joints of shape {arrays[0].shape}, but scores of shape {arrays[1].shape}')
    # ``take`` copies whole rows, five times as fast as an index.
    arrays = [array if array is None else array.take(chosen, axis=0) for array in arrays]
    keypoints, scores, box_scores, boxes, scales = arrays
    found_in = np.repeat(image_ids[order], counts[order])
    if converter is not None:
        converted = transform_pred({'keypoints': keypoints, 'keypoint_scores': scores}, **converter)
        keypoints, scores = converted['keypoints'], converted['keypoint_scores']
    numbers = [scores, box_scores[:, None], *(part for part in (boxes, scales) if part is not None)]
    check_finite(keypoints, np.concatenate(numbers, axis=1), found_in)
    return Predictions(
        found_in,
        np.repeat(category_ids[order], counts[order]),
        keypoints,
        scores,
        box_scores,
        span_areas(keypoints) if scales is None else scales[:, 0] * scales[:, 1],
        None if boxes is None else bbox_xyxy2xywh(boxes),
    )


def _distinct(ids: Sequence[Any], image_ids: NDArray[Any]) -> NDArray[np.int64]:
    """Indices of different samples, by image; the people of a top-down data set by their sample ids."""
    whole_images = any(issubclass(kind, list | tuple) for kind in set(map(type, ids)))
    identity = np.zeros(len(ids), np.int64) if whole_images else np.array(ids)
    order: NDArray[np.int64] = np.lexsort((identity, image_ids))
    same = np.ones(len(ids), bool)
    for values in (image_ids[order], identity[order]):
        same[1:] &= values[1:] == values[:-1]
    same[0] = False
    return order[~same]


def _ranges(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Concatenate ``arange(start, start + count)`` of all pairs."""
    return np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(int(counts.sum()))


def score(predictions: Predictions, mode: str, threshold: float, joints: int) -> NDArray[np.floating]:
    """Score each prediction as a whole.

    The arithmetic is that of MMPose's loop over single numbers, to the last bit: it decides between equal scores.

    Args:
        predictions: D predictions.
        mode: ``bbox``: the box's score; ``keypoint``: mean of the joints'; ``bbox_keypoint``: the box's times the
            mean of the joints' above ``threshold``; ``bbox_rle``: the box's plus mean and greatest of the joints'.
        threshold: For ``bbox_keypoint``.
        joints: How many joints ``bbox_keypoint`` looks at.

    Returns:
        (D,)
    """
    box, of_joints = predictions.box_scores, predictions.keypoint_scores
    if mode == 'bbox':
        return box
    if mode == 'keypoint':
        return of_joints.mean(1)
    if mode == 'bbox_rle':
        return (box + of_joints.mean(1) + of_joints.max(1)).astype(np.float64)
    total, count = np.zeros(len(box)), np.zeros(len(box), np.int64)
    for one in np.ascontiguousarray(of_joints.T[:joints], np.float64):  # in turn, like a loop: a sum would add pairs
        chosen = one > threshold
        total += np.where(chosen, one, 0)
        count += chosen
    return box * (total / np.maximum(count, 1))


def suppress(
    predictions: Predictions, scores: NDArray[np.floating], mode: str, threshold: float, sigmas: NDArray[np.floating]
) -> NDArray[np.int64]:
    """Choose the predictions to keep on each image.

    Args:
        predictions: D predictions, image by image.
        scores: (D,).
        mode: ``oks_nms``, ``soft_oks_nms`` or ``none``, as in MMPose's CocoMetric.
        threshold: Of the suppression.
        sigmas: (K,).

    Returns:
        Their indices, image by image, best first (``none``: as they stand).
    """
    if mode == 'none' or not len(predictions):
        return np.arange(len(predictions))
    image = np.append([0], np.cumsum(predictions.image_ids[1:] != predictions.image_ids[:-1]))
    if mode == 'oks_nms':
        return oks_nms(image, predictions.keypoints, predictions.areas, scores, sigmas, threshold)
    joints = np.concatenate([predictions.keypoints, predictions.keypoint_scores[..., None]], axis=-1)
    starts = np.flatnonzero(np.diff(image, prepend=-1))
    kept = []
    for start, stop in zip(starts, [*starts[1:], len(image)], strict=True):
        people = [
            {'keypoints': joints[i], 'area': predictions.areas[i], 'score': scores[i]} for i in range(start, stop)
        ]
        kept.append(start + soft_oks_nms(people, threshold, sigmas=sigmas))
    return np.concatenate(kept)
