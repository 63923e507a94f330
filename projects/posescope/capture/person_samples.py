"""From the data samples that a pose estimator returns to the rows of a capture store."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from mmpose.datasets.transforms import PackPoseInputs
from mmpose.structures import PoseDataSample
from numpy.typing import NDArray

from posescope.capture.store.index import SampleIndex
from posescope.capture.store.sample import Sample, plain
from posescope.errors import InputError

__all__ = ['box_files', 'crops_with_udp', 'pack_rotation', 'read_batch', 'read_people', 'sizes_vary']

_NEEDED = {'id', 'img_id', 'input_center', 'input_scale', 'input_size'}
_TYPES = {
    'bbox': np.float32, 'bbox_score': np.float64, 'keypoints': np.float32, 'scores': np.float32, 'rotation': np.float64,
    'input_center': np.float64, 'input_scale': np.float64, 'input_size': np.float64,
}  # fmt: skip
"""Of what is read."""


def read_batch(data_samples: Sequence[PoseDataSample], passes: tuple[str, ...], udp: bool = False) -> SampleIndex:
    """Read who was seen where, and what was predicted, of people or images that have equally many joints.

    Args:
        data_samples: Of one batch, after prediction: one person each from a top-down model, one image each from a
            bottom-up one. There the row has no annotation id, its box is the whole image, and no prediction is kept.
        passes: Of the model, e.g. ``('plain', 'mirrored')``.
        udp: Whether crops were cut as UDP does, see :func:`crops_with_udp`.

    Returns:
        One row a data sample.

    Raises:
        InputError: The pipeline does not pack what a map position needs to find its way back to the image.
        CaptureError: Numbers of joints differ.
    """
    people = [_read(sample, udp) for sample in data_samples]
    if not people:
        return SampleIndex.of([])
    fields = dict(zip(_Person._fields, zip(*people, strict=True), strict=True))
    names = zip(fields.pop('image_id'), fields.pop('ann_id'), fields.pop('image_path'), strict=True)
    rows = [(image_id, ann_id, passes, path) for image_id, ann_id, path in names]
    return SampleIndex.gathered(rows, {**fields, 'udp': [udp] * len(people)}, _TYPES)


def read_people(data_samples: Sequence[PoseDataSample], passes: tuple[str, ...], udp: bool = False) -> list[Sample]:
    """Read as :func:`read_batch` does, but each data sample for itself: slower, and joints may differ in number."""
    return [_sample(_read(sample, udp), passes, udp) for sample in data_samples]


class _Person(NamedTuple):
    """Fields of a :class:`Sample`, as they come from the data sample."""

    image_id: int | str
    ann_id: int | str | None
    image_path: str
    bbox: NDArray[Any]
    bbox_score: float
    input_center: NDArray[Any]
    input_scale: NDArray[Any]
    input_size: Sequence[int] | NDArray[Any]
    rotation: float
    keypoints: NDArray[Any]
    scores: NDArray[Any]


def _read(data_sample: PoseDataSample, udp: bool) -> _Person:
    meta = vars(data_sample)  # its metainfo property would make a copy of it
    if not meta.keys() >= _NEEDED:
        missing = sorted(_NEEDED - meta.keys())
        raise InputError(
            f'data samples lack {", ".join(missing)}: let PackPoseInputs of the pipeline pack them (meta_keys)'
        )
    predicted, ann_id = data_sample.pred_instances, meta['id']
    center, scale, size = meta['input_center'], meta['input_scale'], meta['input_size']
    whole = isinstance(ann_id, list | tuple | np.ndarray) or 'bboxes' not in predicted or len(predicted.keypoints) != 1
    if whole:
        height, width = meta['ori_shape'][:2]
        box, score = np.array([0, 0, width, height]), 1.0
        keypoints, scores = np.zeros((0, 2)), np.zeros(0)
        if udp:
            center, scale = _without_padding(*(np.asarray(values, np.float64) for values in (center, scale, size)))
    else:
        box, score = predicted.bboxes[0], float(predicted.bbox_scores[0])
        keypoints, scores = predicted.keypoints[0, :, :2], predicted.keypoint_scores[0]
    image_id, path = plain(meta['img_id']), str(meta.get('img_path', ''))
    rotation = meta.get('bbox_rotation', 0.0)
    rotation = rotation.item() if isinstance(rotation, np.ndarray) else float(rotation)
    known = (image_id, None if whole else plain(ann_id), path)
    return _Person(*known, box, score, center, scale, size, rotation, keypoints, scores)


def _sample(person: _Person, passes: tuple[str, ...], udp: bool) -> Sample:
    arrays = {
        name: np.asarray(getattr(person, name), kind)
        for name, kind in _TYPES.items()
        if name not in ('bbox_score', 'rotation')
    }
    return Sample(
        image_id=person.image_id,
        ann_id=person.ann_id,
        bbox_score=person.bbox_score,
        rotation=person.rotation,
        udp=udp,
        passes=passes,
        image_path=person.image_path,
        **arrays,
    )


def _without_padding(
    center: NDArray[np.float64], scale: NDArray[np.float64], size: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre and size of what a whole input shows, from those that MMPose's ``BottomupResize`` notes with UDP.

    These are of the image alone, although the input has padding at the right or below: the image fills the largest
    rectangle of its shape that fits into the input.
    """
    filled = scale * (size / scale).min()
    shown = scale * (size - 1) / (filled - 1)
    return center + (shown - scale) / 2, shown


def crops_with_udp(dataset: Any) -> bool:
    """Whether the crops of a data set are cut as UDP does (J. Huang et al., CVPR 2020): pixel centres span the box.

    Args:
        dataset: With a ``pipeline`` of transforms, perhaps wrapped, or made of several data sets.

    Raises:
        InputError: Some of its data sets do, and others do not.
    """
    found = {bool(transform.use_udp) for transform in _transforms(dataset) if hasattr(transform, 'use_udp')}
    if len(found) > 1:
        raise InputError('use_udp differs between transforms of the test data: where maps lie is not clear')
    return found == {True}


def pack_rotation(dataset: Any) -> None:
    """Let a data set tell how its crops are turned, which MMPose does not pack; nothing else about it changes.

    Args:
        dataset: As for :func:`crops_with_udp`; before its workers start.
    """
    for transform in _transforms(dataset):
        if isinstance(transform, PackPoseInputs) and 'bbox_rotation' not in transform.meta_keys:
            transform.meta_keys = (*transform.meta_keys, 'bbox_rotation')


def sizes_vary(dataset: Any) -> bool:
    """Whether pictures of a data set reach the model in different sizes, as with ``resize_mode='expand'``.

    Args:
        dataset: As for :func:`crops_with_udp`.
    """
    return any(getattr(transform, 'resize_mode', None) == 'expand' for transform in _transforms(dataset))


def box_files(dataset: Any) -> list[str]:
    """Files with detected boxes that a data set takes its people from; MMPose labels all their joints as (0, 0).

    Args:
        dataset: As for :func:`crops_with_udp`.
    """
    return [str(part.bbox_file) for part in _parts(dataset) if getattr(part, 'bbox_file', None)]


def _transforms(dataset: Any) -> Iterator[Any]:
    """All transforms of a data set and of those that it is made of."""
    for part in _parts(dataset):
        yield from getattr(getattr(part, 'pipeline', None), 'transforms', ())


def _parts(dataset: Any) -> Iterator[Any]:
    """A data set and all that it is made of."""
    yield dataset
    for inner in [*getattr(dataset, 'datasets', ()), getattr(dataset, 'dataset', None)]:
        if inner is not None:
            yield from _parts(inner)
