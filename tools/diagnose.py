#!/usr/bin/env python
"""Tell which kinds of error a model makes, how many of each, and how much AP each of them costs."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import posescope  # noqa: F401  makes MMPose importable
from posescope.atomic import replacing
from posescope.data.annotation_checks import check_annotations, require_people
from posescope.data.annotations import joint_names, read_json
from posescope.engine.command import command
from posescope.errors import InputError
from posescope.evaluation.bootstrap import Progress
from posescope.evaluation.diagnosis import Diagnosis, PoseDiagnosis, diagnose
from posescope.evaluation.diagnosis.diagnosis_content import write
from posescope.evaluation.diagnosis.skeleton import Skeleton, find_skeleton
from posescope.evaluation.metric_arguments import add_metric_arguments, options_of_metric
from posescope.evaluation.oks import require_sigmas
from posescope.evaluation.people import people_from_coco
from posescope.evaluation.prediction_files import DUMP_SUFFIXES, evaluate_dump, read_detections

DESCRIPTION = """\
Sort every labelled joint into good, jitter, inversion (left for right), swap (another person's joint), miss, or
unmatched, and evaluate again with each kind of error corrected, alone and one after another. Prints AP and the error
budget; with --out writes diagnosis.json and figures.

  tools/diagnose.py person_keypoints_val2017.json detections.json --out work_dirs/diagnosis

Detections are a JSON file in COCO's result format, or what a test of a model dumped:

  tools/test.py CONFIG CHECKPOINT --dump work_dirs/dump.pkl
  tools/diagnose.py ANNOTATIONS.json work_dirs/dump.pkl --config CONFIG

With --config, people are scored and doubles dropped as in that test, otherwise as MMPose's CocoMetric does unasked.

COCO's 17 joints are known by their names. Other skeletons come from a config, from a metainfo, or from the names of
joints in the annotations and a spread for each:

  tools/diagnose.py hands.json detections.json --metainfo coco_wholebody_hand
  tools/diagnose.py animals.json detections.json --sigmas 0.03 0.05 0.05 0.09 0.09
"""
MANY = 2000
"""Annotations from which on there is enough to wait for that a bar is worth while."""


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('annotations', type=Path, metavar='GT.json', help='COCO-format annotations')
    parser.add_argument(
        'detections',
        type=Path,
        metavar='DT',
        help='detections as .json, or a dump as .pkl; reading a dump can run code, so read only those that you trust',
    )
    parser.add_argument('--out', type=Path, metavar='DIR', help='folder for diagnosis.json and figures')
    parser.add_argument(
        '--legacy',
        action='store_true',
        help='follow the code that was published with the method in 2017, which overstates the headroom of misses',
    )
    parser.add_argument(
        '--config',
        help='config whose test data set tells the skeleton, and whose COCO metric how dumped people are scored and '
        'doubles among them dropped',
    )
    parser.add_argument('--metainfo', help="metainfo file of the skeleton, or MMPose's name of one")
    parser.add_argument('--sigmas', type=float, nargs='+', metavar='S', help='spread of each joint, relative to √area')
    add_metric_arguments(parser)
    return parser


def diagnose_dump(args: argparse.Namespace, skeleton: Skeleton, progress: Progress | None) -> Diagnosis:
    """Diagnose what ``tools/test.py --dump`` wrote, scored and with doubles dropped as MMPose's CocoMetric does.

    Raises:
        InputError: The file is missing, broken, or does not fit the annotations.
    """
    metric = PoseDiagnosis(ann_file=str(args.annotations), legacy=args.legacy, **options_of_metric(args))
    metric.progress = progress
    metric.dataset_meta = {
        'dataset_name': args.annotations.stem,
        'num_keypoints': len(skeleton.joints),
        'keypoint_id2name': dict(enumerate(skeleton.joints)),
        'sigmas': skeleton.sigmas,
        'flip_indices': skeleton.flip_indices.tolist(),
    }
    evaluate_dump(args.detections, metric)
    return metric.diagnosis


def diagnose_json(
    args: argparse.Namespace, content: dict[str, Any], skeleton: Skeleton, progress: Progress | None
) -> Diagnosis:
    """Diagnose detections in COCO's result format.

    Raises:
        InputError: The file is missing, broken, or does not fit the annotations.
    """
    options = options_of_metric(args)
    use_area, iou_type = options.get('use_area', True), options.get('iou_type', 'keypoints')
    people = people_from_coco(content, iou_type, use_area=use_area, joints=len(skeleton.joints))
    detections = read_detections(args.detections, people, iou_type)
    of_joints = skeleton.sigmas, skeleton.flip_indices, skeleton.joints
    return diagnose(content, people, detections, *of_joints, legacy=args.legacy, progress=progress)


def show_progress(loop: Iterable[int]) -> Iterable[int]:
    """Show on stderr how many of the evaluations with something corrected are done."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(loop, 'correcting errors', console=console, transient=True, disable=not console.is_terminal)


def write_all(diagnosis: Diagnosis, folder: Path) -> None:
    """Write ``diagnosis.json`` and figures."""
    from posescope.report.diagnosis_figures import draw_budget, draw_joints, draw_slices

    figures = {'budget': draw_budget(diagnosis), 'joints': draw_joints(diagnosis), 'slices': draw_slices(diagnosis)}
    write(diagnosis, folder)
    for name, figure in figures.items():
        with replacing(folder / f'{name}.png') as unfinished:
            figure.savefig(unfinished, format='png', dpi=130)
    print(f'diagnosis.json, budget.png, joints.png and slices.png are in {folder}')


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Diagnose as the command line says.

    Args:
        argv: Options without the program's name; None takes those of this process.

    Returns:
        Exit status.
    """
    args = make_parser().parse_args(argv)
    content = read_json(args.annotations, 'annotation file')
    check_annotations(content, args.annotations, pictures=False)
    if not content.get('categories'):
        raise InputError(f'{args.annotations} lists no categories, so COCO evaluates nobody')
    names = joint_names(content['categories'])
    of_skeleton = {'config': args.config, 'metainfo': args.metainfo, 'sigmas': args.sigmas}
    skeleton = find_skeleton(args.annotations, names, **of_skeleton)
    told = {'sigmas': skeleton.sigmas, 'num_keypoints': len(skeleton.joints)}
    require_sigmas({'dataset_name': args.metainfo or args.config, **told}, '--sigmas S S … gives them')
    area = ['area'] if options_of_metric(args).get('use_area', True) else []
    require_people(content, args.annotations, ['bbox', *area, 'category_id'])
    progress = show_progress if len(content['annotations']) >= MANY else None
    suffix = args.detections.suffix.lower()
    if suffix in DUMP_SUFFIXES:
        diagnosis = diagnose_dump(args, skeleton, progress)
    elif suffix == '.json':
        diagnosis = diagnose_json(args, content, skeleton, progress)
    else:
        raise InputError(f'{args.detections}: detections are a .json file or a dump ({", ".join(DUMP_SUFFIXES)})')

    from rich.console import Console

    from posescope.report.diagnosis_table import print_diagnosis

    if args.out is not None:
        write_all(diagnosis, args.out)
    if not skeleton.has_sides:
        print('no left and right found among the joints: inversions cannot be told')
    print_diagnosis(diagnosis, Console())
    return 0


if __name__ == '__main__':
    sys.exit(main())
