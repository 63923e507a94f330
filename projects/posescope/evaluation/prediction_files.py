"""Files of predictions: detections in COCO's result format, and what ``tools/test.py --dump`` wrote."""

from pathlib import Path
from typing import Any

from mmengine.fileio import load
from mmpose.evaluation.metrics import CocoMetric

from posescope.data.annotations import read_json
from posescope.errors import InputError
from posescope.evaluation.coco_metric import CocoKeypointMetric
from posescope.evaluation.detections import Detections, detections_from_coco
from posescope.evaluation.diagnosis.pose_diagnosis import PoseDiagnosis
from posescope.evaluation.people import People

__all__ = ['DUMP_SUFFIXES', 'evaluate_dump', 'metric_options', 'read_detections', 'read_dump']

DUMP_SUFFIXES = ('.pkl', '.pickle')
_METRIC_OPTIONS = ('iou_type', 'use_area', 'score_mode', 'keypoint_score_thr', 'nms_mode', 'nms_thr')
"""Arguments of MMPose's CocoMetric that decide which predictions are evaluated, and how."""
_IOU_TYPES = ('keypoints', 'keypoints_crowd')
"""Kinds of evaluation whose joints are those of the annotations."""


def read_detections(path: Path, people: People, iou_type: str = 'keypoints') -> Detections:
    """Read detections in COCO's result format.

    Args:
        path: A JSON file.
        people: Those to compare with.
        iou_type: Kind of evaluation, see :func:`people_from_coco`.

    Raises:
        InputError: The file is missing, broken, or does not fit the people.
    """
    results = read_json(path, 'detection file')
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        raise InputError(f'{path} is no list of COCO-format detections')
    try:
        return detections_from_coco(results, people, iou_type)
    except InputError as error:
        raise InputError(f'{path}: {error}') from error
    except (TypeError, ValueError) as error:
        raise InputError(f'{path}: a detection holds something that is no number: {error}') from error


def read_dump(path: Path) -> list[dict[str, Any]]:
    """Read dumped data samples. A pickle can run code, so only trusted ones should be read.

    Raises:
        InputError: There is no such file, or it is no dump.
    """
    if not path.is_file():
        raise InputError(f'dump {path} does not exist; tools/test.py CONFIG CHECKPOINT --dump {path} writes it')
    try:
        samples = load(path, file_format='pkl')
    except Exception as error:  # a broken pickle can raise anything
        raise InputError(f'{path} cannot be read as a dump of predictions: {error}') from error
    if not isinstance(samples, list) or not all(isinstance(sample, dict) for sample in samples):
        raise InputError(f'{path} is no dump of tools/test.py: it holds no list of samples')
    return samples


def evaluate_dump(path: Path, metric: CocoKeypointMetric) -> None:
    """Let a metric evaluate dumped data samples; what it found stays in its attributes.

    Args:
        path: The dump.
        metric: With its ``dataset_meta`` set.

    Raises:
        InputError: The file is missing or broken, or does not fit the metric's annotations.
    """
    samples = read_dump(path)
    try:
        metric.process(None, samples)
        metric.evaluate(len(samples))
    except KeyError as error:
        raise InputError(f'{path} is no dump of tools/test.py: a sample lacks {error}') from error
    except InputError as error:
        raise InputError(f'{path}: {error}') from error


def metric_options(config: str | None) -> dict[str, Any]:
    """Read from a config how its COCO metric scores people and drops doubles.

    Args:
        config: A config with ``test_evaluator``; None for none.

    Returns:
        Those of ``iou_type``, ``use_area``, ``score_mode``, ``keypoint_score_thr``, ``nms_mode`` and ``nms_thr`` that
        the config's one COCO metric sets; empty if it has none or several.

    Raises:
        InputError: The config is missing or broken, or its metric is of a part of the body.
    """
    if config is None:
        return {}
    from posescope.engine.config import load_config
    from posescope.engine.evaluators import class_of

    evaluators = load_config(config).get('test_evaluator') or []
    listed = evaluators if isinstance(evaluators, list | tuple) else [evaluators]
    of_coco = [one for one in listed if _is_coco(class_of(one))]
    if len(of_coco) != 1:
        return {}
    found = {key: of_coco[0][key] for key in _METRIC_OPTIONS if key in of_coco[0]}
    if found.get('iou_type', 'keypoints') not in _IOU_TYPES:
        raise InputError(
            f"config {config}: iou_type='{found['iou_type']}' of its metric is a part of a whole body; "
            f'errors and scores are looked at for {" and ".join(_IOU_TYPES)}'
        )
    return found


def _is_coco(kind: Any) -> bool:
    """Whether a class evaluates COCO's joints; a diagnosis stands beside the metric whose options it shares."""
    return isinstance(kind, type) and issubclass(kind, CocoMetric) and not issubclass(kind, PoseDiagnosis)
