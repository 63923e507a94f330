#!/usr/bin/env python
"""One table of several models: AP, OKS, parameters, FLOPs, training time, inference time."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import posescope  # noqa: F401  makes MMPose importable
from posescope.atomic import atomic_write
from posescope.engine.command import command
from posescope.errors import InputError

DESCRIPTION = """\
Compare models. AP and OKS come from the metrics.json that tools/test.py wrote into a model's work dir, training time
from the newest checkpoint there; parameters, multiply-adds and inference time are measured now, on this machine's CPU.
What is missing is marked, with the command that brings it.

  tools/model_table.py configs/selection/rendered/*.py --out work_dirs/models.md      # and work_dirs/models.json
"""


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and write as the command line says.

    Args:
        argv: Options without the program's name; None takes those of this process.

    Returns:
        Exit status.
    """
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='+', metavar='CONFIG', help='config of a top-down model')
    parser.add_argument(
        '--work-dirs',
        type=Path,
        default=Path('work_dirs'),
        metavar='ROOT',
        help="folder whose folders named as the configs hold the models' runs, default %(default)s",
    )
    parser.add_argument('--out', type=Path, metavar='FILE.md', help='write the table there, and its numbers as .json')
    parser.add_argument('--repeats', type=int, default=20, metavar='N', help='predictions timed, default %(default)s')
    args = parser.parse_args(argv)
    if not args.work_dirs.is_dir():
        raise InputError(f'--work-dirs {args.work_dirs} is no folder')
    if args.out is not None and args.out.suffix != '.md':
        raise InputError(f'--out {args.out}: the table is Markdown, its name has to end in .md')
    if args.repeats < 1:
        raise InputError(f'--repeats {args.repeats}: at least one prediction has to be timed')

    from tqdm import tqdm

    from posescope.report.model_table import markdown, read_row

    progress = tqdm(args.configs, unit='model', disable=not sys.stderr.isatty())
    rows = [read_row(path, args.work_dirs, args.repeats) for path in progress]
    table = markdown(rows)
    print(table, end='')
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        numbers = [asdict(row) for row in rows]
        atomic_write(args.out.with_suffix('.json'), (json.dumps(numbers, indent=2) + '\n').encode())
        atomic_write(args.out, table.encode())
    return 0


if __name__ == '__main__':
    sys.exit(main())
