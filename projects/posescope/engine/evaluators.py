"""Lets a test say more than its config asks for: how sure AP is, and which errors cost it."""

from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmpose.evaluation.metrics import CocoMetric, CocoWholeBodyMetric
from mmpose.registry import METRICS

from posescope.evaluation import CocoKeypointMetric
from posescope.evaluation.diagnosis.pose_diagnosis import PoseDiagnosis

__all__ = ['OF_COCO', 'RESAMPLES', 'add_diagnosis', 'class_of', 'use_array_metric']

RESAMPLES = 1000
OF_COCO = ('use_area', 'score_mode', 'keypoint_score_thr', 'nms_mode', 'nms_thr', 'collect_device')


def use_array_metric(evaluators: Any) -> list[dict[str, Any]]:
    """Replace MMPose's CocoMetric by :class:`CocoKeypointMetric`, which gives the same numbers.

    Args:
        evaluators: One config or a list of them. Other metrics, classes derived from CocoMetric among them, stay.

    Returns:
        A list of configs.
    """
    listed = list(evaluators) if isinstance(evaluators, list | tuple) else [evaluators]
    return [
        {**evaluator, 'type': 'CocoKeypointMetric'} if class_of(evaluator) is CocoMetric else evaluator
        for evaluator in listed
    ]


def add_diagnosis(cfg: Config, work_dir: Path) -> None:
    """Let a config's test give intervals, write ``matches.npz``, and diagnose errors if its COCO metric allows it.

    A metric of whole bodies stays, and one that does this stands beside it.

    Args:
        cfg: Its ``test_evaluator`` is changed.
        work_dir: Where files go.
    """
    evaluators = use_array_metric(cfg.test_evaluator)
    ours = [evaluator for evaluator in evaluators if class_of(evaluator) is CocoKeypointMetric]
    if not ours:
        ours = [_beside(evaluator) for evaluator in evaluators if _compares_whole_bodies(evaluator)]
        evaluators += ours
    if len(ours) != 1:  # several data sets, or none with COCO's joints: nobody could tell the files apart
        how_many = f'{len(ours) or "no"} metrics of COCO keypoints'
        print_log(f'no intervals, no matches.npz and no diagnosis: the test has {how_many}, it takes one', 'current')
        return
    coco = ours[0]
    index = evaluators.index(coco)
    evaluators[index] = {'resamples': RESAMPLES, 'out_dir': str(work_dir), **coco}
    diagnosed = any(class_of(evaluator) is PoseDiagnosis for evaluator in evaluators)
    reason = _reason_against_diagnosis(coco)
    if reason:
        print_log(f'errors are not diagnosed: {reason}', 'current')
    elif not diagnosed:
        shared = {key: coco[key] for key in ('ann_file', 'iou_type', *OF_COCO) if key in coco}
        evaluators.append({'type': 'PoseDiagnosis', 'out_dir': str(work_dir), **shared})
    cfg.test_evaluator = evaluators


def _compares_whole_bodies(evaluator: dict[str, Any]) -> bool:
    return class_of(evaluator) is CocoWholeBodyMetric and not evaluator.get('format_only')


def _beside(evaluator: dict[str, Any]) -> dict[str, Any]:
    """Config of our metric that has the numbers of MMPose's metric of whole bodies."""
    shared = {key: evaluator[key] for key in ('ann_file', *OF_COCO) if key in evaluator}
    return {'type': 'CocoKeypointMetric', 'iou_type': 'keypoints_wholebody', 'prefix': 'wholebody', **shared}


def _reason_against_diagnosis(coco: dict[str, Any]) -> str:
    if coco.get('format_only'):
        return 'format_only is set'
    if coco.get('iou_type', 'keypoints') not in ('keypoints', 'keypoints_crowd'):
        return f"iou_type='{coco['iou_type']}' is a part of a whole body"
    return 'a converter changes the joints' if coco.get('pred_converter') or coco.get('gt_converter') else ''


def class_of(evaluator: Any) -> Any:
    """Class of an evaluator's config; None if nothing of this name is registered."""
    kind = evaluator.get('type') if isinstance(evaluator, dict) else None
    return METRICS.get(kind) if isinstance(kind, str) else kind
