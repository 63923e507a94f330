#!/usr/bin/env python
"""Test one model on several data sets and set its mean OKS on them beside each other, by kind of person."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import posescope  # noqa: F401  makes MMPose importable
from posescope.atomic import atomic_write
from posescope.data.annotations import read_json
from posescope.engine.command import command
from posescope.engine.config import test_config
from posescope.engine.launch import build_runner
from posescope.engine.options import parse, test_parser
from posescope.errors import InputError
from posescope.evaluation import MeanOKS
from posescope.evaluation.model_cost import input_size_of
from posescope.evaluation.strata import table

DESCRIPTION = """\
Do rendered people look like people to a model that was trained on photographs, and do people look like people to a
model that was trained on renders? Tests one top-down model on several COCO-format data sets, with their annotated
boxes, and prints a table of its mean OKS by heading, pose, hidden joints and size.

  tools/realism.py configs/selection/coco/td-hm_movenet-thunder_coco-256x256.py work_dirs/weights/movenet-thunder.pth \\
      --on rendered data/rendered_people/annotations/dev.json data/rendered_people/dev \\
      --on COCO data/coco/annotations/person_keypoints_val2017.json data/coco/val2017
"""


def similarities(
    config: str, checkpoint: str, annotations: Path, images: Path, work_dir: Path
) -> dict[tuple[int, int], float]:
    """Test a model on one data set.

    Returns:
        OKS of each person with at least five labelled joints, by (image id, annotation id).

    Raises:
        InputError: Config, checkpoint or data are wrong, the model is not top-down, or nobody has enough labelled
            joints.
    """
    options = ['--coco', str(annotations), str(images), '--work-dir', str(work_dir)]
    cfg = test_config(parse(test_parser(), [config, checkpoint, *options]))
    input_size_of(cfg, config)  # who is no top-down model does not predict from people's boxes
    cfg.test_evaluator = [{'type': 'MeanOKS'}]
    runner = build_runner(cfg)
    runner.test()
    (metric,) = runner.test_loop.evaluator.metrics  # type: ignore[attr-defined]
    assert isinstance(metric, MeanOKS)
    if not metric.similarities:
        raise InputError(f'nobody in {annotations} has {metric.min_joints} or more labelled joints')
    return metric.similarities


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Test and print the table.

    Args:
        argv: Options without the program's name; None takes those of this process.

    Returns:
        Exit status.
    """
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of a top-down model')
    parser.add_argument('checkpoint')
    parser.add_argument(
        '--on',
        nargs=3,
        action='append',
        required=True,
        metavar=('NAME', 'ANN.json', 'IMAGE_DIR'),
        help='a data set and its name in the table; repeat for more',
    )
    parser.add_argument('--out', type=Path, help='also write the table to this file')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/realism'), help='logs, default %(default)s')
    args = parser.parse_args(argv)
    names = [name for name, _, _ in args.on]
    if len(set(names)) < len(names):
        raise InputError(f'--on: every data set needs a name of its own, not {", ".join(names)}')
    sets = {}
    for name, annotations, images in args.on:
        found = similarities(args.config, args.checkpoint, Path(annotations), Path(images), args.work_dir / name)
        sets[name] = (read_json(Path(annotations), 'annotation file'), found)
    text = table(sets)
    print(text)
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(args.out, text.encode())
    return 0


if __name__ == '__main__':
    sys.exit(main())
