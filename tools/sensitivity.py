#!/usr/bin/env python
"""Change a model's input in one thing at a time, and see what becomes of AP, of each joint and of each error type."""

import argparse
import copy
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import DefaultScope

import posescope  # noqa: F401  makes MMPose importable
from posescope.atomic import atomic_write, replacing
from posescope.data.annotations import read_json, under_root
from posescope.engine.building import building
from posescope.engine.command import command
from posescope.engine.config import test_config
from posescope.engine.evaluators import OF_COCO, class_of
from posescope.engine.launch import build_runner
from posescope.engine.options import parse, test_parser
from posescope.engine.preflight import check_data, rewrite
from posescope.engine.testset import use_boxes
from posescope.errors import InputError
from posescope.evaluation.diagnosis import PoseDiagnosis
from posescope.evaluation.sensitivity import (
    FACTORS,
    Curve,
    Effect,
    Findings,
    Measurement,
    Point,
    Tester,
    compare,
    mirror_distances,
    mirror_equivariance,
    read_factors,
)
from posescope.evaluation.sensitivity.factors import BOX, PICTURE
from posescope.evaluation.sensitivity.pipeline import input_size

DESCRIPTION = """\
Test a top-down model again and again while one thing about its input changes, and everything else stays: the box
(box_shift, box_scale, rotation, subpixel) or the picture (resolution, blur, noise, jpeg, darkness); and ask whether it
sees the mirror image of a person as the mirror image of what it saw (mirror). With --bbox-file also: annotated against
detected boxes. Differences to the unchanged test have 95 % intervals over images that pair the same people.

  tools/sensitivity.py CONFIG CHECKPOINT --out work_dirs/sensitivity
  tools/sensitivity.py CONFIG CHECKPOINT --factor blur --factor box_shift=0.1,0.2 --factor mirror --limit 200
  tools/sensitivity.py CONFIG CHECKPOINT --coco my/annotations.json my/pictures --bbox-file my/detections.json

factors, and the values that are tried unless others are given:
"""
DESCRIPTION += '\n'.join(
    f'  {one.name:11} {" ".join(f"{value:g}" for value in one.amounts):30} {one.unit}' for one in FACTORS.values()
)
_IOU_TYPES = ('keypoints', 'keypoints_crowd')


def prepare(args: argparse.Namespace) -> Config:
    """Make the config of the unchanged test: annotated boxes and, with --limit, the first pictures.

    Raises:
        InputError: Config, checkpoint or data are wrong, the model is not top-down, or its metric is of other joints.
    """
    options = ['--work-dir', str(args.work_dir), *(['--coco', *args.coco] if args.coco else [])]
    if args.cfg_options:
        options += ['--cfg-options', *args.cfg_options]
    cfg = test_config(parse(test_parser(), [args.config, args.checkpoint, *options]))
    dataset = cfg.test_dataloader.dataset
    if not dataset.get('ann_file') or 'pipeline' not in dataset:
        raise InputError(f'config {args.config} does not test on one COCO-style data set; --coco names one')
    input_size(dataset.pipeline)
    metric = coco_metric(cfg.test_evaluator)
    dataset.update(bbox_file=None, test_mode=True)
    check_data(cfg, ('test',), Path(cfg.work_dir))
    path = under_root(dataset, 'ann_file').absolute()
    if args.limit is not None:
        content = read_json(path, 'annotation file')
        path = rewrite(path, first_images(content, args.limit), Path(cfg.work_dir))
        dataset.ann_file = str(path)
    cfg.test_evaluator = [{**metric, 'ann_file': str(path)}]
    cfg.log_level = 'WARNING'
    return cfg


def coco_metric(evaluators: Any) -> dict[str, Any]:
    """Make the metric of all tests: COCO AP with the settings of the config's own metric of this kind, if it has one.

    Args:
        evaluators: One config or a list of them.

    Raises:
        InputError: The config's metric is of a whole body or converts joints, so its joints are not the data set's.
    """
    from mmpose.evaluation.metrics import CocoMetric, CocoWholeBodyMetric

    for evaluator in evaluators if isinstance(evaluators, list | tuple) else [evaluators]:
        kind = class_of(evaluator)
        # A diagnosis stands beside the metric whose settings it shares.
        if not isinstance(kind, type) or not issubclass(kind, CocoMetric) or issubclass(kind, PoseDiagnosis):
            continue
        iou_type = evaluator.get('iou_type', 'keypoints')
        if issubclass(kind, CocoWholeBodyMetric) or iou_type not in _IOU_TYPES:
            what = f"{kind.__name__} with iou_type='{iou_type}'"
            raise InputError(
                f"sensitivity is measured by COCO's keypoints, iou_type={' or '.join(_IOU_TYPES)}, not by {what}"
            )
        converters = [name for name in ('pred_converter', 'gt_converter') if evaluator.get(name)]
        if converters:
            raise InputError(
                f"sensitivity is measured on the data set's own joints; {converters[0]} of {kind.__name__} changes them"
            )
        kept = {key: evaluator[key] for key in ('iou_type', *OF_COCO) if key in evaluator}
        return {'type': 'CocoKeypointMetric', **kept}
    return {'type': 'CocoKeypointMetric'}


def first_images(content: dict[str, Any], count: int) -> dict[str, Any]:
    """Keep the first images that have people."""
    with_people = {person['image_id'] for person in content['annotations']}
    images = [image for image in content['images'] if image['id'] in with_people][:count]
    ids = {image['id'] for image in images}
    people = [person for person in content['annotations'] if person['image_id'] in ids]
    return {**content, 'images': images, 'annotations': people}


def on_detections(cfg: Config, boxes: Path) -> Any:
    """Build the same data set with boxes of a detector.

    Raises:
        InputError: The file is missing or does not fit.
    """
    from mmpose.registry import DATASETS

    cfg = copy.deepcopy(cfg)
    use_boxes(cfg, boxes)
    with building('test_dataloader'), DefaultScope.overwrite_default_scope('mmpose'):
        return DATASETS.build(cfg.test_dataloader.dataset)


def measure(cfg: Config, args: argparse.Namespace) -> Findings:
    """Run all tests and compare them.

    Raises:
        InputError: Something cannot be built, or nobody in the data has labelled joints.
    """
    from rich.progress import Progress

    factors, with_mirror = read_factors(args.factor)
    boxes = None if args.bbox_file is None else on_detections(cfg, Path(args.bbox_file))
    runner = build_runner(cfg)
    loop: Any = runner.test_loop
    dataset = loop.dataloader.dataset
    meta = dataset.metainfo
    names = [meta['keypoint_id2name'][index] for index in range(meta['num_keypoints'])]
    size = len(loop.dataloader)
    total = size * (1 + sum(len(amounts) - 1 for amounts in factors.values()) + 2 * with_mirror)
    total += 0 if boxes is None else -(-len(boxes) // loop.dataloader.batch_size)
    with Progress() as progress:
        task = progress.add_task('testing', total=total)
        tester = Tester(runner, lambda: progress.advance(task))
        (coco,) = loop.evaluator.metrics
        tests = Measurement(tester, dataset, cfg.test_dataloader.dataset.pipeline, coco, args.seed)
        keys = [(name, amount) for name, amounts in factors.items() for amount in amounts]
        found = [(amount, tests.changed(FACTORS[name], amount)) for name, amount in keys]
        detected = None if boxes is None else [(0.0, tests.plain_matched), (1.0, tests.detected(boxes))]
        mirrored = tests.mirrored() if with_mirror else None

        def resampling(loop: Iterable[int]) -> Iterator[int]:
            yield from progress.track(list(loop), description='resampling')

        options = {'resamples': args.resamples, 'seed': args.seed, 'progress': resampling}
        plain, *points = compare(tests.plain, [(0.0, tests.plain), *found], **options)
        curves = _curves([name for name, _ in keys], points)
        pair = None if detected is None else tuple(compare(tests.plain_matched, detected, **options))
    mirror = None
    if mirrored is not None:
        # MMPose's data sets refuse images without a width.
        widths = {image['id']: image['width'] for image in coco.coco.dataset['images']}
        distances = mirror_distances(*mirrored, widths, meta['flip_indices'])
        mirror = mirror_equivariance(*distances, args.resamples, args.seed)
    images = len(np.unique(tests.plain.images))
    without_area = 0 if mirrored is None else mirrored[0].without_area
    people = len(tests.plain.keys)
    return Findings(names, images, people, plain, curves, mirror, pair, without_area)  # type: ignore[arg-type]


def _curves(names: Sequence[str], points: Sequence[Point]) -> list[Curve]:
    """Put points of the same factor together."""
    return [
        Curve(factor, tuple(point for name, point in zip(names, points, strict=True) if name == factor))
        for factor in dict.fromkeys(names)
    ]


def print_table(found: Findings) -> None:
    """Print a line for each test to the terminal."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    title = f'{found.people} people on {found.images} images; differences to the unchanged test'
    # Eighty columns hold one number less.
    columns = ['AP', 'ΔAP', *(['OKS'] if console.width >= 90 else []), 'ΔOKS', 'joint that loses most']
    columns = columns if console.width >= 120 else columns[:-1]
    table = Table('change', title=title, box=box.SIMPLE, pad_edge=False)
    for column in columns:
        table.add_column(column, justify='right' if column[0] != 'j' else 'left', no_wrap=True)
    rows = [
        (f'{curve.factor} {point.amount:g}', point) for curve in found.curves for point in curve.points if point.amount
    ]
    if found.boxes is not None:
        rows.append(('detected boxes', found.boxes[1]))
    unchanged = {'AP': _value(found.plain.ap), 'OKS': _value(found.plain.oks), 'ΔOKS': f'OKS {_value(found.plain.oks)}'}
    for name, cells in [('none', unchanged), *((name, _cells(point, found.joints)) for name, point in rows)]:
        table.add_row(name, *(escape(cells.get(column, '')) for column in columns))
    console.print(table)
    if found.mirror is not None:
        _print_mirror(found, lambda text: console.print(text, markup=False))
    if found.note():
        console.print(found.note(), markup=False)


def _cells(point: Point, joints: Sequence[str]) -> dict[str, str]:
    losses = [joint.delta.value or 0 for joint in point.joints]
    worst = int(np.argmin(losses))
    return {
        'AP': _value(point.ap),
        'ΔAP': _delta(point.ap),
        'OKS': _value(point.oks),
        'ΔOKS': _delta(point.oks),
        'joint that loses most': f'{joints[worst].replace("_", " ")} {losses[worst]:+.3f}' if losses[worst] < 0 else '',
    }


def _value(effect: Effect) -> str:
    return '–' if effect.value is None else f'{effect.value:.3f}'


def _delta(effect: Effect) -> str:
    delta = effect.delta
    if delta.value is None:
        return '–'
    return f'{delta.value:+.3f}' + ('' if delta.low is None else f' [{delta.low:+.3f}, {delta.high:+.3f}]')


def _print_mirror(found: Findings, show: Callable[[str], None]) -> None:
    everything, *joints = found.mirror or []
    if everything.value is None:
        return  # the note says why
    interval = '' if everything.low is None else f' [{everything.low:.4f}, {everything.high:.4f}]'
    values = [-1.0 if joint.value is None else joint.value for joint in joints]
    worst = int(np.argmax(values))
    show(
        f'mirror equivariance: {everything.value:.4f}{interval} √area on average, most at '
        f'{found.joints[worst].replace("_", " ")}: {values[worst]:.4f}'
    )


def write(found: Findings, out: Path, about: dict[str, Any]) -> list[str]:
    """Write sensitivity.json and a picture for each group of factors; return the names of the files."""
    from posescope.report.sensitivity_figures import draw_boxes, draw_curves, draw_mirror

    content = json.dumps(found.to_json(about), indent=1, allow_nan=False)
    figures = {}
    for group in (BOX, PICTURE):
        curves = [curve for curve in found.curves if FACTORS[curve.factor].group == group]
        if curves:
            figures[f'sensitivity_{group}.png'] = draw_curves(curves, found.joints)
    if found.mirror is not None:
        figures['mirror.png'] = draw_mirror(found.mirror, found.joints)
    if found.boxes is not None:
        figures['detected_boxes.png'] = draw_boxes(*found.boxes, found.joints)
    out.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        with replacing(out / name) as unfinished:
            figure.savefig(unfinished, format='png', dpi=120)
    atomic_write(out / 'sensitivity.json', content.encode())
    return ['sensitivity.json', *figures]


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and write.

    Args:
        argv: Options without the program's name; None takes those of this process.

    Returns:
        Exit status.
    """
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of a top-down model')
    parser.add_argument('checkpoint')
    parser.add_argument(
        '--factor',
        action='append',
        default=[],
        metavar='NAME[=v1,v2,…]',
        help='what to change, and by how much; repeat for more; default: all factors above, and mirror',
    )
    parser.add_argument('--coco', nargs=2, metavar=('ANN.json', 'IMAGE_DIR'), help="instead of the config's test data")
    parser.add_argument('--bbox-file', metavar='DETS.json', help='COCO-format boxes to compare with the annotated ones')
    parser.add_argument('--limit', type=int, metavar='N', help='only the first N pictures with people')
    parser.add_argument('--resamples', type=int, default=1000, help='of the bootstrap, default %(default)s')
    parser.add_argument('--seed', type=int, default=0, help='of noise, directions and bootstrap, default %(default)s')
    parser.add_argument(
        '--out', type=Path, metavar='DIR', help='folder for sensitivity.json and pictures; default: work dir'
    )
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs/sensitivity'), help='logs, default %(default)s'
    )
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE', help='change settings of the config')
    args = parser.parse_args(argv)
    if args.limit is not None and args.limit < 1:
        raise InputError(f'--limit {args.limit}: at least one picture is needed')
    if args.resamples < 100:
        raise InputError(f'--resamples {args.resamples}: intervals take at least 100')
    if args.seed < 0:
        raise InputError(f'--seed {args.seed}: it takes 0 or more')
    read_factors(args.factor)
    found = measure(prepare(args), args)
    print_table(found)
    out = args.out or args.work_dir
    about = {'config': args.config, 'checkpoint': args.checkpoint, 'seed': args.seed, 'resamples': args.resamples}
    names = write(found, out, about)
    print(f'written to {out}: {", ".join(names)}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
