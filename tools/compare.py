#!/usr/bin/env python
"""Compare models by the matches of their evaluations: how large the difference is, and what may be said of it."""

import argparse
import dataclasses
import functools
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

import posescope  # noqa: F401  makes MMPose importable
from posescope.atomic import atomic_write
from posescope.data.annotations import read_json
from posescope.engine.command import command
from posescope.errors import InputError, nearest
from posescope.evaluation.average_precision import STATISTICS
from posescope.evaluation.comparison import MARGIN, Comparison, compare_models, detectable_of, judge
from posescope.evaluation.matches_file import load_matches
from posescope.evaluation.matching import Matches
from posescope.evaluation.same_people import check_same, check_same_measure
from posescope.evaluation.seeds import compare_runs
from posescope.study.tested_data import digest_of_file

DESCRIPTION = """\
Compare a model with another one, or several runs of a training with several runs of its control, on the same images.

Two models, as they are (a bootstrap over images, and a permutation test):

  tools/compare.py work_dirs/a/matches.npz --with work_dirs/b/matches.npz

Two ways of training, five seeds each. Images and seeds both count as chance; with fewer than five nothing is claimed:

  tools/compare.py work_dirs/changed_*/matches.npz --with work_dirs/nothing_*/matches.npz \\
      --with work_dirs/placebo_*/matches.npz --name nothing --name placebo --out comparison.json

A verdict is given for AP, or for the statistics that --declare names; choose them before you look. p-values are
corrected for the number of comparisons in one call (Holm), so make all of them in one call.
"""


def main_parser() -> argparse.ArgumentParser:
    """Options of this tool."""
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('ours', nargs='+', type=Path, metavar='A.npz', help='matches.npz of a model, or of each seed')
    parser.add_argument(
        '--with',
        dest='controls',
        nargs='+',
        action='append',
        required=True,
        type=Path,
        metavar='B.npz',
        help='those to compare with; repeat for another comparison',
    )
    parser.add_argument('--name', action='append', help='of a comparison, one for each --with; default: the folder')
    parser.add_argument(
        '--margin', type=float, default=MARGIN, help='smallest difference that matters, default %(default)s'
    )
    parser.add_argument(
        '--declare', action='append', metavar='STATISTIC', help='statistic to judge, e.g. "AP (M)"; repeat; default AP'
    )
    parser.add_argument('--paired-seeds', action='store_true', help='the i-th files of both sides share their seed')
    parser.add_argument(
        '--units', type=Path, metavar='UNITS.json', help='object from image id to scene; a scene is drawn as a whole'
    )
    parser.add_argument('--resamples', type=int, default=1000, help='of the images, default %(default)s')
    parser.add_argument('--seed', type=int, default=0, help='of the resampling, default %(default)s')
    parser.add_argument('--out', type=Path, metavar='comparison.json', help='also write everything to this file')
    return parser


def check(args: argparse.Namespace) -> None:
    """Fill in defaults.

    Raises:
        InputError: An option's value makes no sense.
    """
    args.declare = args.declare or ['AP']
    for statistic in args.declare:
        if statistic not in STATISTICS:
            raise InputError(f'--declare {statistic}: nearest statistics are {nearest(statistic, STATISTICS)}')
    if args.name is not None and len(args.name) != len(args.controls):
        raise InputError(f'--name: {len(args.name)} names for {len(args.controls)} comparisons (--with)')
    args.name = args.name or [str(paths[0].parent) for paths in args.controls]
    if not (math.isfinite(args.margin) and args.margin > 0):
        raise InputError(f'--margin {args.margin}: it takes a difference above 0, such as {MARGIN}')
    if args.resamples < 100:
        raise InputError(f'--resamples {args.resamples}: fewer than 100 say nothing of the ends of an interval')
    if args.seed < 0:
        raise InputError(f'--seed {args.seed}: it takes 0 or more')
    for paths in (args.ours, *args.controls):
        _refuse_twice(paths)
    for paths in args.controls:
        if args.paired_seeds and len(paths) != len(args.ours):
            raise InputError(
                f'--paired-seeds takes as many files on either side, not {len(args.ours)} and {len(paths)}'
            )


def _refuse_twice(paths: Sequence[Path]) -> None:
    """One test is not two seeds."""
    first: dict[str | None, Path] = {}
    for path in paths:
        digest = digest_of_file(path)
        if digest is not None and digest in first:
            raise InputError(f'{first[digest]} and {path} are the same test: each seed is given once')
        first[digest] = path


def read_units(path: Path, matches: Matches) -> NDArray[np.str_]:
    """Read which scene each image shows.

    Raises:
        InputError: The file is no JSON object, or lacks an image.
    """
    scenes = read_json(path, 'file of units')
    if not isinstance(scenes, dict):
        raise InputError(f'{path}: it takes an object {{"image id": "scene", …}}')
    ids = [str(identity) for identity in matches.image_ids.tolist()]
    lost = [identity for identity in ids if identity not in scenes]
    if lost:
        raise InputError(f'{path} lacks image {lost[0]} ({len(lost)} of {len(ids)} images)')
    return np.array([json.dumps(scenes[identity], sort_keys=True) for identity in ids])


def compare(args: argparse.Namespace, console: Console) -> list[list[Comparison]]:
    """Load, measure and judge; for each --with one list with an entry for each statistic."""
    groups = [args.ours, *args.controls]
    files = {path: load_matches(path) for paths in groups for path in paths}
    loaded = {path: file.matches for path, file in files.items()}
    check_same(list(loaded.values()), [str(path) for path in loaded])
    check_same_measure([file.meta for file in files.values()], [str(path) for path in files])
    ours, *controls = [[loaded[path] for path in paths] for paths in groups]
    units = None if args.units is None else read_units(args.units, ours[0])
    found = []
    for name, theirs in zip(args.name, controls, strict=True):
        show = functools.partial(
            track, description=escape(name), console=console, transient=True, disable=not console.is_terminal
        )
        given = (name, args.margin, args.resamples, args.seed, units, show)
        if len(ours) == len(theirs) == 1:
            found += compare_models(ours[0], theirs[0], *given)
        else:
            found += compare_runs(ours, theirs, *given, paired=args.paired_seeds)
    judged = judge(found, args.declare)
    return [judged[start : start + len(STATISTICS)] for start in range(0, len(judged), len(STATISTICS))]


def write(args: argparse.Namespace, groups: Sequence[Sequence[Comparison]]) -> None:
    """Write everything to ``--out``."""
    content = {
        'ours': [str(path) for path in args.ours],
        'declared': args.declare,
        'margin': args.margin,
        'resamples': args.resamples,
        'seed': args.seed,
        'comparisons': [
            {'control': [str(path) for path in paths], **dataclasses.asdict(one)}
            for paths, group in zip(args.controls, groups, strict=True)
            for one in group
        ],
    }
    text = json.dumps(content, indent=1, allow_nan=False)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(args.out, text.encode())


def table(comparisons: Sequence[Comparison]) -> Table:
    """One comparison, a row for each statistic."""
    first = comparisons[0]
    seeds = 'two models as they are' if first.seeds is None else f'{first.seeds[0]} and {first.seeds[1]} seeds'
    shown = Table(
        title=escape(f'against {first.name}: {first.units} images or scenes with people, {seeds}'),
        title_justify='left',
    )
    for heading in ('', 'ours', 'theirs', 'difference', '95 % interval', 'p', 'p equal'):
        shown.add_column(heading, justify='right' if heading else 'left', no_wrap=True)
    shown.add_column('verdict')
    for one in comparisons:
        interval = '' if one.low is None else f'{one.low:+.4f} to {one.high:+.4f}'
        p = one.p if one.p_holm is None else one.p_holm
        p_equal = one.p_equal if one.p_equal_holm is None else one.p_equal_holm
        numbers = [
            _text(one.ours),
            _text(one.theirs),
            _text(one.delta, '{:+.4f}'),
            interval,
            _p(p),
            _p(p_equal),
        ]
        shown.add_row(one.statistic, *numbers, '' if one.verdict == 'not declared' else one.verdict)
    return shown


def notes(groups: Sequence[Sequence[Comparison]], declared: Sequence[str], margin: float) -> list[str]:
    """What a reader of the tables has to know."""
    tested = sum(one.p_holm is not None for group in groups for one in group)
    lines = [
        f'p: of no difference; p equal: of a difference of {margin:g} or more. Those of {", ".join(declared)} are '
        f'corrected for {tested} declared comparison{"" if tested == 1 else "s"}, the others for none.'
    ]
    for group in groups:
        first = group[0]
        if first.seeds is None:
            lines.append(
                f'{first.name}: a verdict holds for these weights; one on ways of training takes 5 seeds each.'
            )
        lines += [
            f'{one.name}: such a study finds a difference in {one.statistic} of {found:.4f} with a probability of 80 %.'
            for one in group
            if one.statistic in declared and (found := detectable_of(one, tested)) is not None
        ]
        for one in group:
            if one.undefined and one.low is not None:
                lines.append(
                    f'{first.name}: {one.statistic} is not defined in {one.undefined} of {one.resamples} resamples, '
                    'which are left out.'
                )
    return lines


def _text(value: float | None, form: str = '{:.4f}') -> str:
    return '–' if value is None else form.format(value)


def _p(value: float | None) -> str:
    return '< .0001' if value is not None and value < 1e-4 else _text(value)


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Compare and print.

    Args:
        argv: Options without the program's name; None takes those of this process.

    Returns:
        Exit status.
    """
    args = main_parser().parse_args(argv)
    check(args)
    groups = compare(args, Console(stderr=True))
    if args.out is not None:  # before anything is printed: who sees a table can rely on the file
        write(args, groups)
    console = Console()
    if not console.is_terminal:  # a file or a pipe has no width, and half a row is no use
        console.width = 140
    for group in groups:
        console.print(table(group))
    for line in notes(groups, args.declare, args.margin):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
