#!/usr/bin/env python
"""Ask of a model's scores whether they are the expected quality, and what another order would bring in AP."""

import argparse
import dataclasses
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import posescope  # noqa: F401  makes MMPose importable
from posescope.atomic import atomic_write, replacing
from posescope.data.annotation_checks import check_annotations, require_people
from posescope.data.annotations import joint_names, read_json
from posescope.engine.command import command
from posescope.errors import InputError
from posescope.evaluation.bootstrap import LEAST_UNITS, progress
from posescope.evaluation.calibration import (
    Calibration,
    Recalibration,
    calibrate,
    calibrate_joints,
    instance_pairs,
    joint_pairs,
    recalibrate,
)
from posescope.evaluation.coco_metric import CocoKeypointMetric
from posescope.evaluation.detections import Detections
from posescope.evaluation.diagnosis.skeleton import Skeleton, find_skeleton
from posescope.evaluation.metric_arguments import add_metric_arguments, options_of_metric
from posescope.evaluation.oks import require_sigmas
from posescope.evaluation.people import People, people_from_coco
from posescope.evaluation.prediction_files import DUMP_SUFFIXES, evaluate_dump, read_detections
from posescope.evaluation.ranking import Ranking, instance_scores, rank_by

DESCRIPTION = """\
Calibration: is a joint's score its expected similarity (KS), is a person's score the expected OKS? Slope and intercept
of a line, Brier score, calibration error over bins of equal mass (ECE) beside the one that chance alone would give, and
the ECE after an isotonic recalibration that was fitted on the other half of the images.

Ranking: what the order of the detections is worth in AP. A rising map of the scores cannot change it; other scores can:
the box's, the joints', the size of the box, up to the detection's own OKS.

  tools/calibration.py data/coco/annotations/person_keypoints_val2017.json detections.json
  tools/test.py CONFIG CHECKPOINT --dump work_dirs/dump.pkl
  tools/calibration.py ANNOTATIONS.json work_dirs/dump.pkl --config CONFIG --out work_dirs/calibration

COCO's 17 joints are known by their names; --config, --metainfo or --sigmas tell other skeletons.
"""
PERSONS, JOINTS = 'persons', 'joints'


class Subject(NamedTuple):
    """What is looked at: people, detections, (D,) scores of their boxes if known, (K,) sigmas and names of joints."""

    people: People
    detections: Detections
    box_scores: np.ndarray | None
    sigmas: np.ndarray
    names: Sequence[str]


class Answer(NamedTuple):
    """What was found: by ``persons`` and ``joints``, by joint, and by instance score."""

    kinds: dict[str, tuple[Calibration, Recalibration | None]]
    joints: dict[str, Calibration | None]
    rankings: dict[str, Ranking]


def read_subject(args: argparse.Namespace) -> Subject:
    """Read annotations and predictions.

    Raises:
        InputError: A file is missing or wrong, or they do not fit together.
    """
    content = read_json(args.annotations, 'annotation file')
    check_annotations(content, args.annotations, pictures=False)
    if not content.get('categories'):
        raise InputError(f'{args.annotations} lists no categories, so COCO evaluates nobody')
    names = joint_names(content['categories'])
    of_skeleton = {'config': args.config, 'metainfo': args.metainfo, 'sigmas': args.sigmas}
    skeleton = find_skeleton(args.annotations, names, **of_skeleton)
    told = {'sigmas': skeleton.sigmas, 'num_keypoints': len(skeleton.joints)}
    require_sigmas({'dataset_name': args.metainfo or args.config, **told}, '--sigmas S S … gives them')
    options = options_of_metric(args)
    use_area, iou_type = options.get('use_area', True), options.get('iou_type', 'keypoints')
    require_people(content, args.annotations, ['bbox', *['area'] * use_area, 'category_id'])
    people = people_from_coco(content, iou_type, use_area=use_area, joints=len(skeleton.joints))
    found, wanted = people.keypoints.shape[1], len(skeleton.joints)
    if found != wanted:
        raise InputError(
            f'people of {args.annotations} have {found} joints, the skeleton has {wanted}: '
            '--config CONFIG or --metainfo NAME chooses another'
        )
    suffix = args.detections.suffix.lower()
    if suffix in DUMP_SUFFIXES:
        evaluated = _evaluate(args.detections, args.annotations, skeleton, options)
        return Subject(*evaluated, skeleton.sigmas, skeleton.joints)
    if suffix != '.json':
        raise InputError(f'{args.detections}: detections are a .json file or a dump ({", ".join(DUMP_SUFFIXES)})')
    detections = read_detections(args.detections, people, iou_type)
    return Subject(people, detections, None, skeleton.sigmas, skeleton.joints)


def _evaluate(
    dump: Path, annotations: Path, skeleton: Skeleton, options: Mapping[str, Any]
) -> tuple[People, Detections, np.ndarray]:
    """Make scored detections of dumped samples, as MMPose's metric does."""
    metric = CocoKeypointMetric(ann_file=str(annotations), **options)
    metric.dataset_meta = {
        'dataset_name': annotations.stem,
        'num_keypoints': len(skeleton.joints),
        'sigmas': skeleton.sigmas,
    }
    evaluate_dump(dump, metric)
    return metric.people, metric.detections, metric.predictions.box_scores[metric.kept]


def answer(subject: Subject, resamples: int, seed: int) -> Answer:
    """Calibrate and rank.

    Raises:
        InputError: No detection comes near anybody.
    """
    people, detections, box_scores, sigmas, names = subject
    of_joints, joint = joint_pairs(people, detections, sigmas)
    of_persons, _ = instance_pairs(people, detections, sigmas)
    if not len(of_joints):
        raise InputError(f'none of the {len(detections)} detections has an OKS of .1 or more with anybody')
    options = {'resamples': resamples, 'seed': seed}
    kinds = {
        kind: (calibrate(pairs, **options), recalibrate(pairs, **options))
        for kind, pairs in ((PERSONS, of_persons), (JOINTS, of_joints))
    }
    scores = instance_scores(people, detections, sigmas, box_scores)
    rankings = rank_by(people, detections, sigmas, scores, resamples, seed, progress)
    return Answer(kinds, calibrate_joints(of_joints, joint, names, **options), rankings)


def print_tables(found: Answer) -> None:
    """Print calibration and ranking to the terminal; eighty columns hold the most important numbers."""
    from rich.console import Console

    console = Console()
    wide = console.width >= 110
    rows = [(kind, _cells(one)) for kind, (one, _) in found.kinds.items()]
    rows += [(name.replace('_', ' '), _cells(one) if one else {}) for name, one in found.joints.items()]
    columns = ['number', 'slope', 'Brier', 'ECE', 'chance']
    columns[1:1] = ['mean score', 'mean quality'] if wide else []
    columns[-3:-3] = ['intercept'] if wide else []
    console.print(_table('calibration: is the score the expected quality?', columns, rows))
    columns = ['AP', *(['AP .5', 'AP .75'] if wide else []), 'AR', 'ΔAP', 'Spearman', *(['Kendall'] if wide else [])]
    rows = [(name, _ranking_cells(ranking)) for name, ranking in found.rankings.items()]
    console.print(_table('ranking: what an order of the same detections is worth', columns, rows))
    for sentence in notes(found):
        console.print(sentence, markup=False)


def _table(title: str, columns: Sequence[str], rows: Sequence[tuple[str, Mapping[str, str]]]) -> Any:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table('score', title=title, box=box.SIMPLE, pad_edge=False)
    for column in columns:
        table.add_column(column, justify='right', no_wrap=True)
    for name, cells in rows:
        table.add_row(escape(name), *(escape(cells.get(column, '–')) for column in columns))
    return table


def _cells(one: Calibration) -> dict[str, str]:
    def with_interval(value: float, interval: tuple[float, float] | None) -> str:
        if math.isnan(value):
            return '–'
        return f'{value:.2f}' + ('' if interval is None else f' [{interval[0]:.2f}, {interval[1]:.2f}]')

    score = sum(row.score * row.count for row in one.bins) / one.count
    quality = sum(row.quality * row.count for row in one.bins) / one.count
    cells = {
        'number': str(one.count),
        'mean score': f'{score:.3f}',
        'mean quality': f'{quality:.3f}',
        'slope': with_interval(one.slope, one.slope_interval),
        'intercept': with_interval(one.intercept, one.intercept_interval),
        'Brier': f'{one.brier:.3f}',
        'ECE': f'{one.ece:.3f}',
    }
    if one.ece_noise is not None:
        cells['chance'] = f'{one.ece_noise:.3f}'
    return cells


def _ranking_cells(ranking: Ranking) -> dict[str, str]:
    delta = ranking.delta
    interval = '' if delta.low is None else f' [{delta.low:+.3f}, {delta.high:+.3f}]'
    return {
        **{name: f'{value:.3f}' for name, value in _defined(ranking.statistics).items() if value is not None},
        'ΔAP': '–' if delta.value is None else f'{delta.value:+.3f}{interval}',
        'Spearman': '–' if ranking.spearman is None else f'{ranking.spearman:+.3f}',
        'Kendall': '–' if ranking.kendall is None else f'{ranking.kendall:+.3f}',
    }


def _defined(statistics: Mapping[str, float]) -> dict[str, float | None]:
    """COCO's statistics with None where one is not defined, which COCO marks by -1."""
    return {name: None if value < 0 else value for name, value in statistics.items()}


def notes(found: Answer) -> list[str]:
    """Say what the tables leave out, a sentence each."""
    sentences = []
    images = found.kinds[PERSONS][0].images
    if images < LEAST_UNITS:
        sentences.append(f'{images} images are too few for intervals: it takes {LEAST_UNITS}.')
    for kind, (calibration, recalibration) in found.kinds.items():
        if recalibration is not None:
            sentences.append(
                f'ECE of {kind} after an isotonic map fitted on half of the images, measured on the other half: '
                f'{recalibration.after.ece:.3f}, before {recalibration.before.ece:.3f}.'
            )
        if calibration.outside:
            sentences.append(
                f'{calibration.outside} of {calibration.count} scores of {kind} are not in 0 to 1: no expected quality.'
            )
    if 'box score' not in found.rankings:
        sentences.append('Scores of boxes are not in a detection file; a dump of tools/test.py has them.')
    elif found.rankings['box score'].spearman is None:
        sentences.append('All boxes have the same score, as annotated boxes do: its order is that of the file.')
    return sentences


def to_json(found: Answer) -> dict[str, Any]:
    """Put everything into what JSON can hold; undefined numbers are null."""
    kinds = {
        kind: {
            **_plain(dataclasses.asdict(calibration)),
            'recalibrated': None if recalibration is None else _plain(dataclasses.asdict(recalibration)),
        }
        for kind, (calibration, recalibration) in found.kinds.items()
    }
    by_joint = {
        name: None if calibration is None else _plain(dataclasses.asdict(calibration))
        for name, calibration in found.joints.items()
    }
    ranking = {
        name: _plain(dataclasses.asdict(one)) | {'statistics': _defined(one.statistics)}
        for name, one in found.rankings.items()
    }
    return {'calibration': kinds | {'by_joint': by_joint}, 'ranking': ranking, 'notes': notes(found)}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write(found: Answer, out: Path) -> None:
    """Write calibration.json and the figures."""
    from posescope.report.calibration_figures import draw_joint_reliability, draw_reliability

    content = json.dumps(to_json(found), indent=1, allow_nan=False)
    figures = {
        'reliability.png': draw_reliability(found.kinds, {PERSONS: 'OKS', JOINTS: 'KS'}),
        'reliability_joints.png': draw_joint_reliability(found.joints),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        with replacing(out / name) as unfinished:
            figure.savefig(unfinished, format='png', dpi=120)
    atomic_write(out / 'calibration.json', content.encode())


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('annotations', type=Path, metavar='GT.json', help='COCO-format annotations')
    parser.add_argument(
        'detections',
        type=Path,
        metavar='DT.json|DUMP.pkl',
        help='COCO-format detections, or what tools/test.py --dump wrote; read only dumps that you trust',
    )
    parser.add_argument(
        '--config', help='config whose test data set tells the skeleton, and whose COCO metric how people are scored'
    )
    parser.add_argument('--metainfo', help="metainfo file of the skeleton, or MMPose's name of one")
    parser.add_argument('--sigmas', type=float, nargs='+', metavar='S', help='spread of each joint, relative to √area')
    add_metric_arguments(parser)
    parser.add_argument('--resamples', type=int, default=1000, help='of the bootstrap, default %(default)s')
    parser.add_argument('--seed', type=int, default=0, help='of the bootstrap and of the halves, default %(default)s')
    parser.add_argument('--out', type=Path, metavar='DIR', help='write calibration.json and figures there')
    return parser


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and, if asked, write.

    Args:
        argv: Options without the program's name; None takes those of this process.

    Returns:
        Exit status.
    """
    args = make_parser().parse_args(argv)
    if args.resamples < 100:
        raise InputError(f'--resamples {args.resamples}: intervals take at least 100')
    if args.seed < 0:
        raise InputError(f'--seed {args.seed}: it takes 0 or more')
    found = answer(read_subject(args), args.resamples, args.seed)
    print_tables(found)
    if args.out is not None:
        write(found, args.out)
        print(f'written: {args.out}/calibration.json, reliability.png, reliability_joints.png')
    return 0


if __name__ == '__main__':
    sys.exit(main())
