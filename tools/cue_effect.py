#!/usr/bin/env python
"""Measure how far a model follows a planted cue: test it on twins that differ in nothing but the side of the cue."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import posescope  # noqa: F401  makes MMPose importable
from posescope.atomic import atomic_write
from posescope.engine.command import command
from posescope.engine.config import test_config
from posescope.engine.config_parts import name_of
from posescope.engine.launch import build_runner
from posescope.engine.options import parse, test_parser
from posescope.errors import InputError
from posescope.evaluation import MeanOKS
from posescope.evaluation.cue_effect import CueEffect, cue_effect

SIDES = ('none', 'left', 'right')
DESCRIPTION = """\
Test a model on rendered people without a cue, with the cue on each person's left and with it on the right, everything
else being the same pixel for pixel. Prints for every paired joint the share of the way to its mirror joint that the
prediction goes when the cue changes sides: 0 for a model that does not care, 1 for one that goes where the cue goes.

  tools/cue_effect.py CONFIG CHECKPOINT --cue band \\
      --coco data/rendered_people/annotations/dev.json data/rendered_people/dev --out work_dirs/cue_effect.json
"""


def look_of_cue(cfg: Any, args: argparse.Namespace) -> dict[str, Any]:
    """Seed and colour: those that were typed, else those of the cue that the config trains or tests with."""
    planted: dict[str, Any] = {}
    for name in ('train_dataloader', 'test_dataloader'):
        dataset = (cfg.get(name) or {}).get('dataset') or {}
        for step in dataset.get('pipeline') or []:
            if not planted and name_of(step['type']) == 'PlantCue' and step.get('cue') == args.cue:
                planted = step
    seed = planted.get('seed', 0) if args.seed is None else args.seed
    colour = args.colour or (planted.get('colour') if args.seed is None else None)
    return {'seed': seed, **({'colour': tuple(colour)} if colour else {})}


def test_twins(args: argparse.Namespace, side: str) -> MeanOKS:
    """Test on one set of twins.

    Raises:
        InputError: Config, checkpoint or data are wrong, or the pictures were not rendered.
    """
    options = ['--work-dir', str(args.work_dir / side)] + (['--coco', *args.coco] if args.coco else [])
    cfg = test_config(parse(test_parser(), [args.config, args.checkpoint, *options]))
    dataset = cfg.test_dataloader.dataset
    if 'pipeline' not in dataset:
        raise InputError(f'config {args.config} does not test on one data set; --coco names one')
    # The mirrored picture has its cue on the other side, so their mean would follow neither.
    cfg.model.setdefault('test_cfg', {})['flip_test'] = False
    steps = [step for step in dataset.pipeline if name_of(step['type']) != 'PlantCue']
    names = [name_of(step['type']) for step in steps]
    loading = next((i for i, name in enumerate(names) if name in ('LoadImage', 'CachedImage')), None)
    if loading is None:
        raise InputError(f'the test pipeline of {args.config} has no LoadImage, after which a cue could be planted')
    steps.insert(loading + 1, {'type': 'PlantCue', 'cue': args.cue, 'side': side, **look_of_cue(cfg, args)})
    dataset.pipeline = steps
    cfg.test_evaluator = [{'type': 'MeanOKS', 'min_joints': 1}]
    runner = build_runner(cfg)
    runner.test()
    (metric,) = runner.test_loop.evaluator.metrics  # type: ignore[attr-defined]
    assert isinstance(metric, MeanOKS)
    if not metric.people:
        raise InputError('nobody in the data has labelled joints')
    return metric


def effects(tested: dict[str, MeanOKS], seed: int) -> list[CueEffect]:
    """Put the twins together and compare them."""
    placed = {side: {one.annotation_id: one for one in metric.people} for side, metric in tested.items()}
    ids = sorted(placed['left'])

    def stacked(side: str, field: str) -> Any:
        return np.array([getattr(placed[side][identity], field) for identity in ids])

    return cue_effect(
        stacked('left', 'keypoints'),
        stacked('right', 'keypoints'),
        stacked('left', 'truth'),
        stacked('left', 'area'),
        stacked('left', 'image_id'),
        tested['left'].dataset_meta,
        seed,
    )


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print.

    Args:
        argv: Options without the program's name; None takes those of this process.

    Returns:
        Exit status.
    """
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of a top-down model')
    parser.add_argument('checkpoint')
    parser.add_argument('--cue', default='band', help='band, leg or ball, default %(default)s')
    parser.add_argument('--coco', nargs=2, metavar=('ANN.json', 'IMAGE_DIR'), help='rendered people to test on')
    parser.add_argument(
        '--seed', type=int, help="the cue's, which chooses its colour; default: the config's cue's, or 0"
    )
    parser.add_argument(
        '--colour', type=int, nargs=3, metavar=('R', 'G', 'B'), help="default: that of the config's cue, or by the seed"
    )
    parser.add_argument('--out', type=Path, help='also write what was measured to this JSON file')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/cue_effect'), help='logs, default %(default)s')
    args = parser.parse_args(argv)
    tested = {side: test_twins(args, side) for side in SIDES}
    found = effects(tested, args.seed or 0)
    means = {side: float(np.mean(list(metric.similarities.values()))) for side, metric in tested.items()}
    print('\nmean OKS: ' + ', '.join(f'{side} {mean:.3f}' for side, mean in means.items()))
    print('\n| joint | people | follows the cue | 95 % interval | moved, √area |\n|---|---:|---:|---:|---:|')
    for one in found:
        interval = '–' if one.low is None else f'{one.low:+.3f} to {one.high:+.3f}'
        print(f'| {one.joint.replace("_", " ")} | {one.people} | {one.follow:+.3f} | {interval} | {one.moved:.3f} |')
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        content = {'cue': args.cue, 'oks': means, 'joints': [dataclasses.asdict(one) for one in found]}
        atomic_write(args.out, json.dumps(content, indent=1).encode())
    return 0


if __name__ == '__main__':
    sys.exit(main())
