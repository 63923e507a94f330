"""Mirror equivariance: does a model see in the mirror image what it saw in the picture?"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from numpy.typing import NDArray

from posescope.evaluation.bootstrap import Interval
from posescope.evaluation.sensitivity.curve import mean_interval

__all__ = ['PredictedJoints', 'mirror_distances', 'mirror_equivariance']


class PredictedJoints(BaseMetric):
    """Keeps the predicted joints of each labelled person, from annotated boxes; no metric of its own.

    Args:
        areas: (image id, annotation id) -> pixels², of everybody whose joints shall be kept.

    Attributes:
        areas: As given.
        joints: (image id, annotation id) -> (K, 2), image pixels.
        labelled: (image id, annotation id) -> (K,), whether a joint is labelled.
    """

    default_prefix = 'joints'

    def __init__(self, areas: Mapping[tuple[Any, Any], float]) -> None:
        super().__init__()
        self.areas = areas
        self.joints: dict[tuple[Any, Any], NDArray[Any]] = {}
        self.labelled: dict[tuple[Any, Any], NDArray[np.bool_]] = {}

    @property
    def without_area(self) -> int:
        """How many people have labelled joints and an area of 0, in whose units no distance can be told."""
        return sum(self.areas[key] <= 0 and bool(labelled.any()) for key, labelled in self.labelled.items())

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep what is needed of one batch."""
        for sample in data_samples:
            person = sample['raw_ann_info']
            key = person['image_id'], person['id']
            if key in self.areas and not person.get('iscrowd', 0):
                self.joints[key] = np.asarray(sample['pred_instances']['keypoints'])[0, :, :2]
                self.labelled[key] = np.asarray(person['keypoints'], float)[2::3] > 0
            self.results.append(None)

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """Give no number."""
        return {}


def mirror_distances(
    plain: PredictedJoints, mirrored: PredictedJoints, widths: Mapping[Any, int], flip_indices: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Compute ‖f(flip x) − flip f(x)‖ / √area of each person and joint.

    The mirror image of pixel x is pixel W − 1 − x, as in MMPose's transforms, and a left joint becomes a right one.

    Args:
        plain: Predictions in the pictures.
        mirrored: Predictions of the same people in the mirror images.
        widths: Image id -> width in pixels.
        flip_indices: (K,), for each joint the one on the other side.

    Returns:
        (N, K), NaN where the joint is not labelled or the person has no area, and (N,) ids of images; people in
        ascending order of their keys.
    """
    keys = sorted(plain.joints)
    before = np.stack([plain.joints[key] for key in keys]).astype(np.float64)
    after = np.stack([mirrored.joints[key] for key in keys]).astype(np.float64)
    width = np.array([widths[image] for image, _ in keys], np.float64)[:, None]
    expected = before[:, list(flip_indices)]
    expected[..., 0] = width - 1 - expected[..., 0]
    # Joint k of the mirror image is the person's joint flip_indices[k]: told apart by the person's own side.
    distance = np.linalg.norm(after - expected, axis=-1)[:, list(flip_indices)]
    areas = np.array([plain.areas[key] for key in keys], np.float64)
    root = np.sqrt(np.where(areas > 0, areas, np.nan))[:, None]
    labelled = np.stack([plain.labelled[key] for key in keys])
    return np.where(labelled, distance / root, np.nan), np.array([image for image, _ in keys])


def mirror_equivariance(
    distances: NDArray[np.float64], images: NDArray[Any], resamples: int = 1000, seed: int = 0
) -> list[Interval]:
    """Mean distance over all labelled joints of a person, then of each joint, (1 + K), with intervals over images."""
    labelled = ~np.isnan(distances)
    with np.errstate(invalid='ignore'):
        of_person = np.where(labelled, distances, 0).sum(1) / labelled.sum(1)
    return mean_interval(np.column_stack([of_person, distances]), images, resamples, seed)
