"""Options of a command line that say how people are evaluated, beside or instead of a config."""

import argparse
from typing import Any

from posescope.errors import InputError
from posescope.evaluation.prediction_files import DUMP_SUFFIXES, metric_options

__all__ = ['add_metric_arguments', 'options_of_metric']


def add_metric_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them to a parser that has ``detections`` and ``--config`` too."""
    parser.add_argument(
        '--score-mode',
        choices=['bbox', 'bbox_keypoint', 'bbox_rle', 'keypoint'],
        help="how dumped people are scored; default: as in the config, or MMPose's",
    )
    parser.add_argument(
        '--no-area', action='store_true', help='weigh people by their boxes, where annotations have no areas'
    )
    parser.add_argument(
        '--iou-type',
        choices=['keypoints', 'keypoints_crowd'],
        help="who counts: COCO's rule, or CrowdPose's; default: as in the config, or COCO's",
    )
    parser.add_argument(
        '--nms-mode',
        choices=['oks_nms', 'soft_oks_nms', 'none'],
        help="how doubles among dumped people are dropped; default: as in the config, or MMPose's",
    )


def options_of_metric(args: argparse.Namespace) -> dict[str, Any]:
    """Arguments of the metric: what the command line says, else what the config says.

    Raises:
        InputError: The config is missing or broken, or detections with scores of their own are to be scored.
    """
    asked = {'score_mode': args.score_mode, 'nms_mode': args.nms_mode}
    given: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    if given and args.detections.suffix.lower() not in DUMP_SUFFIXES:
        raise InputError('--score-mode and --nms-mode are for dumps; a .json file has scores, and what it lists counts')
    if args.no_area:
        given['use_area'] = False
    if args.iou_type is not None:
        given['iou_type'] = args.iou_type
    return {**metric_options(args.config), **given}
