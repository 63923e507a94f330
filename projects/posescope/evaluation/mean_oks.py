"""How similar predictions are to the labels of the very people whose boxes they were made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmpose.registry import METRICS
from numpy.typing import NDArray

from posescope.evaluation.oks import oks, require_sigmas

__all__ = ['MeanOKS', 'Person']


@dataclass(frozen=True)
class Person:
    """A labelled person and the prediction from their box.

    Attributes:
        image_id: Of the annotation file.
        annotation_id: Of the annotation file.
        keypoints: (K, 2), predicted, image pixels.
        truth: (K, 3), labelled x, y and v, image pixels. MMPose keeps no more than whether v > 0; where the annotation
            has the data set's joints, v is the annotation's.
        area: Pixels².
    """

    image_id: int
    annotation_id: int
    keypoints: NDArray[Any]
    truth: NDArray[Any]
    area: float


@METRICS.register_module()
class MeanOKS(BaseMetric):
    """Mean object keypoint similarity over people, as ``oks/mean``, and their number, as ``oks/people``.

    Each prediction is compared with the labels of the person whose ground-truth box it was made from, over joints with
    v > 0. People with fewer than ``min_joints`` labelled joints and crowds do not count. A person whom a distributed
    sampler drew twice counts once.

    The metric needs to know whose box a prediction was made from. Boxes of a detector (``bbox_file``) and bottom-up
    models do not tell; it then says so and gives no number.

    Args:
        min_joints: Labelled joints that a person must have.
        collect_device: As in every metric.
        prefix: As in every metric.

    Attributes:
        people: Those who counted in the last evaluation, on the main process.
        similarities: Their OKS by (image id, annotation id).
    """

    default_prefix = 'oks'

    def __init__(self, min_joints: int = 5, collect_device: str = 'cpu', prefix: str | None = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.min_joints = min_joints
        self.similarities: dict[tuple[int, int], float] = {}
        self.people: list[Person] = []

    @property
    def dataset_meta(self) -> Mapping[str, Any] | None:
        """Metainfo of the data set.

        Raises:
            InputError: It has not a sigma for each joint, which is noticed before any picture is tested.
        """
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, meta: Mapping[str, Any]) -> None:
        require_sigmas(meta)
        self._dataset_meta = dict(meta)

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep what is needed of one batch.

        Args:
            data_batch: Not used.
            data_samples: The model's outputs, each with ``pred_instances``, ``gt_instances`` and, where the box is a
                labelled person's, the meta key ``raw_ann_info``.
        """
        # None stands for a prediction from a box without identity.
        self.results += [_person(sample) for sample in data_samples]

    def compute_metrics(self, results: list[Person | None]) -> dict[str, float]:
        """Average over the people of all batches.

        Args:
            results: What :meth:`process` kept, of all processes.

        Returns:
            ``mean`` and ``people``; empty if there is nothing to average.
        """
        logger: MMLogger = MMLogger.get_current_instance()
        self.similarities, self.people = {}, []
        known = {(person.image_id, person.annotation_id): person for person in results if person is not None}
        if any(person is None for person in results):
            logger.info('MeanOKS is left out: it needs ground-truth boxes of a top-down data set, without bbox_file')
            return {}
        people = [person for person in known.values() if (person.truth[:, 2] > 0).sum() >= self.min_joints]
        if not people:
            logger.info(f'MeanOKS is left out: nobody has {self.min_joints} or more labelled joints')
            return {}
        similarities = oks(
            np.stack([person.keypoints for person in people]),
            np.stack([person.truth for person in people]),
            np.array([person.area for person in people]),
            (self.dataset_meta or {})['sigmas'],
        )
        ids = [(person.image_id, person.annotation_id) for person in people]
        self.people = people
        self.similarities = dict(zip(ids, similarities.tolist(), strict=True))
        return {'mean': float(similarities.mean()), 'people': len(people)}


def _person(sample: dict[str, Any]) -> Person | None:
    """Pair a prediction with the labels of its box; None where the box's identity is not known."""
    annotation = sample.get('raw_ann_info')
    if not isinstance(annotation, dict):
        return None
    labels = sample['gt_instances']
    visible = np.asarray(labels['keypoints_visible'])
    visible = visible[..., 0] if visible.ndim == 3 else visible  # converted data sets pair it with a weight
    if annotation.get('iscrowd', 0):
        visible = np.zeros_like(visible)  # labels of a crowd belong to nobody
    raw = np.asarray(annotation.get('keypoints') or (), float)
    if len(raw) == 3 * visible.shape[1]:
        visible = np.where(visible > 0, raw[None, 2::3], 0)  # MMPose lets a negative flag be
    truth = np.concatenate([np.asarray(labels['keypoints'])[0, :, :2], visible[0][:, None]], axis=1)
    _, _, width, height = annotation['bbox']
    return Person(
        annotation['image_id'],
        annotation['id'],
        np.asarray(sample['pred_instances']['keypoints'])[0, :, :2],
        truth,
        # MMPose's stand-in where a data set has no area: the mean share of a box that a person covers in COCO.
        float(0.53 * width * height if annotation.get('area') is None else annotation['area']),
    )
