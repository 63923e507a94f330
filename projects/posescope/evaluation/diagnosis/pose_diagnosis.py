"""Error diagnosis as a second evaluator beside COCO AP."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmpose.registry import METRICS
from numpy.typing import NDArray

from posescope.errors import InputError
from posescope.evaluation.bootstrap import Progress
from posescope.evaluation.coco_metric import CocoKeypointMetric
from posescope.evaluation.diagnosis.diagnosis import Diagnosis, diagnose
from posescope.evaluation.diagnosis.diagnosis_content import write
from posescope.evaluation.diagnosis.peaks import PEAKS, peaks_of_sample
from posescope.evaluation.predictions import as_array

__all__ = ['PoseDiagnosis']

_IOU_TYPES = ('keypoints', 'keypoints_crowd')


@METRICS.register_module()
class PoseDiagnosis(CocoKeypointMetric):
    """Tells which kinds of error a model makes, how many, and how much AP each of them costs.

    Beside ``CocoMetric`` in a config::

        test_evaluator = [val_evaluator, dict(type='PoseDiagnosis', ann_file=val_evaluator['ann_file'])]

    Returns ``diagnosis/share/<class>``, parts of all labelled joints that sum to 1, and ``diagnosis/headroom/<kind>``,
    AP that correcting this kind alone would gain. If the model's ``test_cfg`` has ``output_heatmaps=True``, errors are
    also told apart by whether the right place was under one of the next best peaks.

    Args:
        out_dir: Folder for ``diagnosis.json``; None writes nothing.
        legacy: Follow the code published with Ronchi and Perona, ICCV 2017, where it differs.
        by_joint: Also take the headroom of each joint, which doubles the time.
        kwargs: As of :class:`CocoKeypointMetric`.

    Attributes:
        diagnosis: What the last evaluation found, on the main process.
        progress: Wraps the loops of the next evaluation to show how far it is; None shows nothing.
    """

    default_prefix = 'diagnosis'
    diagnosis: Diagnosis
    progress: Progress | None = None

    def __init__(
        self, *args: Any, out_dir: str | None = None, legacy: bool = False, by_joint: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        if self.iou_type not in _IOU_TYPES or self.format_only:
            raise InputError(f'PoseDiagnosis needs an iou_type of {" or ".join(_IOU_TYPES)}, and format_only=False')
        if self.gt_converter is not None or self.pred_converter is not None:
            raise InputError('PoseDiagnosis knows no skeleton but that of the data set, which a converter changes')
        self._out_dir, self._legacy, self._by_joint = out_dir, legacy, by_joint

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep what :class:`CocoKeypointMetric` keeps, and of heatmaps the three best peaks.

        Args:
            data_batch: Not used.
            data_samples: The model's outputs.
        """
        before = len(self.results)
        super().process(data_batch, data_samples)
        self.results[before:] = zip(self.results[before:], map(_named_peaks, data_samples), strict=True)

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """Diagnose the predictions of all batches.

        Args:
            results: What ``process`` kept, of all processes.

        Returns:
            Share of each class and headroom of each kind.

        Raises:
            InputError: As :meth:`CocoKeypointMetric.compute_metrics`, or the data set does not tell left from right.
        """
        if 'flip_indices' not in self.dataset_meta:
            raise InputError('PoseDiagnosis needs flip_indices, which a metainfo of joints with swap partners gives')
        self._known_peaks = {(image, places): peaks for _, (image, places, peaks) in results if peaks is not None}
        return super().compute_metrics([kept for kept, _ in results])

    def _statistics(self, content: Mapping[str, Any]) -> dict[str, float]:
        names = self.dataset_meta.get('keypoint_id2name', {})
        joints = [names.get(joint, f'joint {joint}') for joint in range(int(self.dataset_meta['num_keypoints']))]
        self.diagnosis = diagnose(
            content,
            self.people,
            self.detections,
            self.dataset_meta['sigmas'],
            self.dataset_meta['flip_indices'],
            joints,
            legacy=self._legacy,
            by_joint=self._by_joint,
            matches=self.matches,
            peaks=self._peaks(),
            progress=self.progress,
        )
        if self._out_dir is not None:
            write(self.diagnosis, Path(self._out_dir))
        return self.diagnosis.scalars()

    def _peaks(self) -> NDArray[np.float32] | None:
        """Give each detection the peaks of the sample that it comes from, known by image and places."""
        if not self._known_peaks:
            return None
        found = np.full((*self.detections.keypoints.shape[:2], PEAKS, 2), np.nan, np.float32)
        images = self.people.image_ids[self.detections.image].tolist()
        for row, (image, places) in enumerate(zip(images, self.detections.keypoints[..., :2], strict=True)):
            peaks = self._known_peaks.get((image, places.tobytes()))
            if peaks is not None:
                found[row] = peaks
        return found


def _named_peaks(sample: Mapping[str, Any]) -> tuple[Any, bytes, NDArray[np.float32] | None]:
    """Image and places of a sample's prediction, which name it after suppression has left some out, and its peaks."""
    peaks = peaks_of_sample(sample)
    places = b'' if peaks is None else as_array(sample['pred_instances']['keypoints']).astype(np.float64).tobytes()
    return sample.get('img_id'), places, peaks
