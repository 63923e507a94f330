#!/usr/bin/env python
"""Render people with exact labels as a COCO-format data set."""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posescope.data.rendering.composition import compare, table
from posescope.data.rendering.dataset import render_dataset
from posescope.data.rendering.digests import check_digests
from posescope.data.rendering.parallel import available_cores
from posescope.data.rendering.render_folder import RenderSettings
from posescope.data.rendering.standard_sets import EMBEDDED, LARGE_TEST, render_embedded, render_large_test
from posescope.engine.command import INTERRUPTED, command
from posescope.errors import InputError

DIGESTS = Path(__file__).resolve().parent.parent / 'data' / 'rendered_people' / 'large_test.sha256'
MISMATCH = 1
DESCRIPTION = """\
Render clothed people in scenes, with labels that are exact, as a COCO-format data set:

  OUT/annotations/SPLIT.json   keypoints (v = 2 visible, 1 hidden, 0 outside), boxes, masks, areas; pycocotools reads it
  OUT/SPLIT/*.jpg              the pictures
  OUT/parts/SPLIT/*.png        which part of which person each pixel shows

The same seed gives the same pixels, with any number of processes. A render that was stopped, or killed, goes on when
the same command is given again. Rendering needs the extra `render`: pip install "posescope[render]"
"""
EPILOG = f"""\
examples:
  a small set to look at            tools/render_people.py work_dirs/people --num 20 --seed 10
  people that no model has seen     tools/render_people.py work_dirs/unseen --num 300 --seed 77
  training and test in one folder   tools/render_people.py work_dirs/mine --num 5000 --seed 11 --split train
                                    tools/render_people.py work_dirs/mine --num 500 --seed 12 --split test
  and test a model on them          tools/test.py CONFIG CHECKPOINT \\
                                        --coco work_dirs/mine/annotations/test.json work_dirs/mine/test
  the large test set                tools/render_people.py work_dirs/large_test --large-test

Seeds {', '.join(str(settings.seed) for settings in (*EMBEDDED, LARGE_TEST))} are those of \
{', '.join(settings.split for settings in (*EMBEDDED, LARGE_TEST))}; any other gives people that no split holds.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('out', metavar='OUT', type=Path, help='folder to render into: new, empty, or rendered before')
    parser.add_argument('--num', metavar='N', type=int, help='number of pictures')
    parser.add_argument('--seed', metavar='S', type=int, help='0 to 9999; decides every pixel, and the ids; default 0')
    parser.add_argument('--split', metavar='NAME', help='name of the set within OUT, default people')
    parser.add_argument(
        '--processes', metavar='P', type=int, default=available_cores(), help='default: one a core, here %(default)s'
    )
    fixed = parser.add_mutually_exclusive_group()
    fixed.add_argument(
        '--embedded',
        action='store_true',
        help='render data/rendered_people anew: '
        + ', '.join(f'{settings.num} {settings.split}' for settings in EMBEDDED)
        + '; checks what it is made of',
    )
    fixed.add_argument(
        '--large-test',
        action='store_true',
        help=f'render {LARGE_TEST.num} pictures of seed {LARGE_TEST.seed} and compare them with the hashes in '
        f'data/rendered_people/{DIGESTS.name}; exit status {MISMATCH} if they differ',
    )
    return parser


def _render(args: argparse.Namespace) -> int:
    fixed = '--embedded' if args.embedded else '--large-test' if args.large_test else None
    given = [f'--{name}' for name in ('num', 'seed', 'split') if getattr(args, name) is not None]
    if fixed and given:
        raise InputError(f'{fixed} renders a fixed set; leave out {", ".join(given)}')
    if not fixed and args.num is None:
        raise InputError('--num is missing: say how many pictures to render (or --embedded, or --large-test)')
    before = {path.stem for path in args.out.glob('annotations/*.json')}
    if args.embedded:
        sets = render_embedded(args.out, args.processes)
    elif args.large_test:
        sets = {LARGE_TEST.split: render_large_test(args.out, args.processes)}
    else:
        settings = RenderSettings('people' if args.split is None else args.split, args.seed or 0, args.num)
        sets = {settings.split: render_dataset(args.out, settings, args.processes)}
    for split, coco in sets.items():
        print(
            f'{args.out}/annotations/{split}.json: {len(coco["images"])} pictures, {len(coco["annotations"])} people'
            + (', complete already' if split in before else '')
        )
        if fixed:
            print(f'\n{table(compare(coco))}')
    return _verify(sets[LARGE_TEST.split]) if args.large_test else 0


def _verify(coco: Mapping[str, Any]) -> int:
    try:
        print(f'as in {DIGESTS}: {check_digests(coco, DIGESTS)}')
    except InputError as error:
        print(f'error: {error}', file=sys.stderr)
        return MISMATCH
    return 0


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Render as the command line says.

    Args:
        argv: Options without the program's name; None takes those of this process.

    Returns:
        Exit status.
    """
    args = _parser().parse_args(argv)
    began = time.monotonic()
    try:
        status = _render(args)
    except KeyboardInterrupt:
        print(
            f'\nerror: interrupted; what is finished is kept in {args.out}, the same command goes on', file=sys.stderr
        )
        return INTERRUPTED
    print(f'{time.monotonic() - began:.0f} s')
    return status


if __name__ == '__main__':
    sys.exit(main())
