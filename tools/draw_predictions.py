#!/usr/bin/env python
"""Draw predictions beside the truth, from the best to the worst, from what ``tools/test.py --dump`` wrote."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import posescope  # noqa: F401  makes MMPose importable
from posescope.atomic import replacing
from posescope.engine.command import command
from posescope.errors import InputError
from posescope.evaluation.prediction_files import read_dump

DESCRIPTION = """\
Draw people with their labels and a model's predictions. People are taken evenly by rank of their OKS, the best first
and the worst last. The person's own left is blue, right is orange; hidden joints are hollow in the labels.

  tools/test.py CONFIG CHECKPOINT --dump work_dirs/dump.pkl
  tools/draw_predictions.py work_dirs/dump.pkl --num 12 --out work_dirs/predictions.png
"""


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Draw as the command line says.

    Args:
        argv: Options without the program's name; None takes those of this process.

    Returns:
        Exit status.
    """
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('dump', type=Path, help='the .pkl file; read only dumps that you trust')
    parser.add_argument('--num', type=int, default=12, help='people to draw, default %(default)s')
    parser.add_argument(
        '--metainfo', default='coco', help="the skeleton: MMPose's name, or a file of one's own; default %(default)s"
    )
    parser.add_argument('--out', type=Path, default=Path('work_dirs/predictions.png'), help='default %(default)s')
    args = parser.parse_args(argv)
    if args.num < 1:
        raise InputError(f'--num {args.num}: at least one person has to be drawn')
    samples = read_dump(args.dump)

    from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
    from posescope.report.predictions import draw, people_of_dump, spread

    skeleton = skeleton_of_file(args.metainfo)
    people = spread(people_of_dump(samples, skeleton.sigmas), args.num)
    if not people:
        raise InputError(f'nobody in {args.dump} has labelled joints')
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(args.out) as unfinished:
        draw(people, skeleton.metainfo['skeleton_links'], list(skeleton.joints)).savefig(
            unfinished, format='png', dpi=130
        )
    print(f'{len(people)} people, best to worst, are drawn in {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
