"""From the data samples that a pose estimator returns to the rows of a capture store."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from mmpose.datasets.transforms import PackPoseInputs
from mmpose.structures import PoseDataSample
from numpy.typing import NDArray

from posescope.capture.store.sample import Sample
from posescope.errors import InputError

__all__ = ['crops_with_udp', 'pack_rotation', 'read_people']

_NEEDED = ('id', 'img_id', 'input_center', 'input_scale', 'input_size')


def read_people(data_samples: Sequence[PoseDataSample], passes: tuple[str, ...], udp: bool = False) -> list[Sample]:
    """Read who was seen where, and what was predicted.

    Args:
        data_samples: Of one batch, after prediction: one person each from a top-down model, one image each from a
            bottom-up one. There the row has no annotation id, its box is the whole image, and no prediction is kept.
        passes: Of the model, e.g. ``('plain', 'mirrored')``.
        udp: Whether crops were cut as UDP does, see :func:`crops_with_udp`.

    Returns:
        One row a data sample.

    Raises:
        InputError: The pipeline does not pack what a map position needs to find its way back to the image.
    """
    return [_read(sample, passes, udp) for sample in data_samples]


def _read(data_sample: PoseDataSample, passes: tuple[str, ...], udp: bool) -> Sample:
    meta = data_sample.metainfo
    missing = [key for key in _NEEDED if key not in meta]
    if missing:
        raise InputError(
            f'data samples lack {", ".join(missing)}: let PackPoseInputs of the pipeline pack them (meta_keys)'
        )
    predicted = data_sample.pred_instances
    whole = (
        isinstance(meta['id'], list | tuple | np.ndarray) or 'bboxes' not in predicted or len(predicted.keypoints) != 1
    )
    if whole:
        height, width = meta['ori_shape'][:2]
        box, score = np.array([0, 0, width, height]), 1.0
        keypoints, scores = np.zeros((0, 2)), np.zeros(0)
    else:
        box, score = predicted.bboxes[0], float(predicted.bbox_scores[0])
        keypoints, scores = predicted.keypoints[0, :, :2], predicted.keypoint_scores[0]
    center, scale, size = (np.asarray(meta[f'input_{key}'], np.float64) for key in ('center', 'scale', 'size'))
    if whole and udp:
        center, scale = _without_padding(center, scale, size)
    return Sample(
        image_id=_plain(meta['img_id']),
        ann_id=None if whole else _plain(meta['id']),
        bbox=np.asarray(box, np.float32),
        bbox_score=score,
        input_center=center,
        input_scale=scale,
        input_size=size,
        rotation=float(np.ravel(meta.get('bbox_rotation', 0.0))[0]),
        udp=udp,
        keypoints=np.asarray(keypoints, np.float32),
        scores=np.asarray(scores, np.float32),
        passes=passes,
        image_path=str(meta.get('img_path', '')),
    )


def _plain(identity: Any) -> int | str:
    return identity if isinstance(identity, str) else int(identity)


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


def _transforms(dataset: Any) -> Iterator[Any]:
    """All transforms of a data set and of those that it is made of."""
    yield from getattr(getattr(dataset, 'pipeline', None), 'transforms', ())
    for inner in [*getattr(dataset, 'datasets', ()), getattr(dataset, 'dataset', None)]:
        if inner is not None:
            yield from _transforms(inner)
