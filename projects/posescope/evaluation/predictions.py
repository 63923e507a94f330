"""From a model's predictions to scored detections without doubles, as MMPose's CocoMetric makes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from mmpose.evaluation.functional import soft_oks_nms, transform_pred
from mmpose.structures.bbox import bbox_xyxy2xywh
from numpy.typing import NDArray

from posescope.errors import InputError
from posescope.evaluation.detections import check_finite, span_areas
from posescope.evaluation.suppression import oks_nms

__all__ = ['Predictions', 'Sample', 'collect', 'read_sample', 'score', 'suppress']


class Sample(NamedTuple):
    """What a model said of one sample: N people, one for a top-down model.

    Attributes:
        id: Of the sample; a list of ids where samples are whole images.
        image_id: Of its image.
        category_id: Of its people.
        keypoints: (N, K, 2), image pixels.
        keypoint_scores: (N, K).
        box_scores: (N,).
        boxes: (N, 4), x1, y1, x2, y2 in image pixels; None if the model gives none.
        scales: (N, 2), width and height of what the model saw, in image pixels; None if not known.
        labels: What the data set attached, where there is no annotation file; not looked at here.
    """

    id: Any
    image_id: Any
    category_id: Any
    keypoints: NDArray[np.floating]
    keypoint_scores: NDArray[np.floating]
    box_scores: NDArray[np.floating]
    boxes: NDArray[np.floating] | None
    scales: NDArray[np.floating] | None
    labels: Any = None


def read_sample(data_sample: Mapping[str, Any], labels: Any = None) -> tuple[Any, ...]:
    """Take what is needed of a model's output; boxes' scores may stand with the labels, or are 1.

    Args:
        data_sample: With ``id``, ``img_id``, ``pred_instances`` and perhaps ``gt_instances``.
        labels: To keep with it.

    Returns:
        The fields of :class:`Sample` as a plain tuple, which MMEngine makes of named ones anyway and which takes less
        time to make.

    Raises:
        InputError: There is no prediction.
    """
    try:
        predicted = data_sample['pred_instances']
        keypoints, scores = predicted['keypoints'], predicted['keypoint_scores']
    except KeyError as error:
        raise InputError(f'the model left no {error} in its data samples: is it a pose estimator?') from None
    given = data_sample.get('gt_instances', {})
    box_scores = predicted.get('bbox_scores')
    if box_scores is None:
        box_scores = given.get('bbox_scores')
        if box_scores is None or len(box_scores) != len(keypoints):
            box_scores = np.ones(len(keypoints))
    return (
        data_sample['id'],
        data_sample['img_id'],
        data_sample.get('category_id', 1),
        keypoints,
        scores,
        box_scores,
        predicted.get('bboxes'),
        given.get('bbox_scales'),
        labels,
    )


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


def collect(samples: Sequence[Sequence[Any]], joints: int, converter: dict[str, Any] | None = None) -> Predictions:
    """Gather samples, image by image, and drop what came twice.

    A distributed sampler may have drawn a sample twice. A person of a top-down data set is known by image and sample
    id; other samples are whole images.

    Args:
        samples: What :func:`read_sample` took, in the order of the fields of :class:`Sample`.
        joints: K, for an empty result.
        converter: ``num_keypoints`` and ``mapping`` from predicted joints to those of the annotations.

    Raises:
        InputError: A joint or a score is not finite, or not every joint has a score.
    """
    columns: list[list[Any]] = [[sample[i] for sample in samples] for i in range(len(Sample._fields))]
    ids, image_ids, category_ids, *arrays = columns
    if not any(map(len, arrays[0])):
        empty = np.zeros(0)
        return Predictions(empty, empty, np.zeros((0, joints, 2)), np.zeros((0, joints)), empty, empty, None)
    counts = np.fromiter(map(len, arrays[0]), np.int64, len(samples))
    order = _distinct(ids, image_ids)
    chosen = _ranges((np.cumsum(counts) - counts)[order], counts[order])
    keypoints, scores, box_scores = (np.concatenate(column) for column in arrays[:3])
    if scores.shape != keypoints.shape[:2]:
        raise InputError(f'the model predicts joints of shape {keypoints.shape}, but scores of shape {scores.shape}')
    keypoints, scores, box_scores = keypoints[chosen], scores[chosen], box_scores[chosen]
    boxes, scales = (None if column[0] is None else np.concatenate(column)[chosen] for column in arrays[3:5])
    found_in = np.repeat(np.array(image_ids)[order], counts[order])
    if converter is not None:
        converted = transform_pred({'keypoints': keypoints, 'keypoint_scores': scores}, **converter)
        keypoints, scores = converted['keypoints'], converted['keypoint_scores']
    check_finite(keypoints, np.concatenate([scores, box_scores[:, None]], axis=1), found_in)
    return Predictions(
        found_in,
        np.repeat(np.array(category_ids)[order], counts[order]),
        keypoints,
        scores,
        box_scores,
        span_areas(keypoints) if scales is None else np.prod(scales, axis=1),
        None if boxes is None else bbox_xyxy2xywh(boxes),
    )


def _distinct(ids: Sequence[Any], image_ids: Sequence[Any]) -> NDArray[np.int64]:
    """Indices of different samples, by image; the people of a top-down data set by their sample ids."""
    _, image = np.unique(np.array(image_ids), return_inverse=True)
    whole_images = any(isinstance(identity, list | tuple) for identity in ids)
    identity = np.zeros(len(ids), np.int64) if whole_images else np.unique(np.array(ids), return_inverse=True)[1]
    order: NDArray[np.int64] = np.lexsort((identity, image))
    same = (np.diff(image[order]) == 0) & (np.diff(identity[order]) == 0)
    return order[np.flatnonzero(np.append([True], ~same))]


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
    looked_at = of_joints[:, :joints].astype(np.float64)
    chosen = looked_at > threshold
    # A cumulative sum adds one after the other, as a loop does; a plain sum would add pairs.
    total = np.cumsum(np.where(chosen, looked_at, 0), axis=1)[:, -1]
    return box * (total / np.maximum(chosen.sum(1), 1))


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
    _, image = np.unique(predictions.image_ids, return_inverse=True)
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
