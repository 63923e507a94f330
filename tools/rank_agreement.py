#!/usr/bin/env python
"""Ask whether a study puts its models into the order that another test is known to put them into."""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import posescope  # noqa: F401  makes MMPose importable
from posescope.atomic import atomic_write
from posescope.data.annotations import read_json
from posescope.engine.command import command
from posescope.errors import InputError, nearest
from posescope.study.rank_agreement import RankAgreement, rank_agreement

DESCRIPTION = """\
Spearman's rank correlation of a study's models with numbers from elsewhere, say published AP on COCO. It is close to 1
where choosing by the study would have chosen as the other test does.

  tools/rank_agreement.py work_dirs/selection_rendered/study.json docs/select/published.json

REFERENCE.json is an object from the study's names of runs to numbers, higher is better: {"res18": 71.8, "vit": 73.9}.
"""


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Correlate, print and write as the command line says.

    Args:
        argv: Options without the program's name; None takes those of this process.

    Returns:
        Exit status.
    """
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('study', type=Path, metavar='STUDY.json', help='study.json of tools/study.py')
    parser.add_argument('reference', type=Path, metavar='REFERENCE.json', help='one number for each model')
    parser.add_argument('--split', help="of the study's tests; default: the one that it compares on")
    parser.add_argument('--criterion', help="metric of the study; default: the study's")
    parser.add_argument(
        '--lower-is-better', action='store_true', help="of --criterion; of the study's own, the study says which"
    )
    parser.add_argument('--out', type=Path, metavar='FILE.json', help='write the result there as well')
    args = parser.parse_args(argv)
    results = read_results(args.study, args.split, args.criterion, args.lower_is_better)
    found = rank_agreement(results, read_reference(args.reference))
    print(text(found))
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(args.out, json.dumps(asdict(found), indent=1).encode())
    return 0


def read_results(
    path: Path, split: str | None, criterion: str | None, lower_is_better: bool = False
) -> dict[str, list[float]]:
    """By run, the metric of each finished seed; its negative where lower is better.

    Args:
        path: Of a ``study.json``.
        split: None for the one that the study compares on.
        criterion: None for the study's own.
        lower_is_better: Of the criterion; of its own, the study says that too.

    Raises:
        InputError: It is no study, or has no such split or metric.
    """
    study = read_json(path, 'study')
    if not isinstance(study, dict) or not {'runs', 'criterion', 'compare_on'} <= study.keys():
        raise InputError(f'{path} is no study.json: tools/study.py writes one')
    split, criterion = split or study['compare_on'], criterion or study['criterion']
    if criterion == study['criterion'] and not study.get('higher_is_better', True):
        lower_is_better = True
    tested = [(run['name'], run['metrics']) for run in study['runs'] if run.get('metrics')]
    splits = sorted({name for _, metrics in tested for name in metrics})
    if split not in splits:
        raise InputError(f'{path}: no run was tested on {split!r}; nearest: {nearest(split, splits)}')
    known = sorted({name for _, metrics in tested for name in metrics.get(split, {})})
    if criterion not in known:
        raise InputError(f'{path}: no run has {criterion!r} on {split}; nearest: {nearest(criterion, known)}')
    results: dict[str, list[float]] = {}
    for name, metrics in tested:
        if metrics.get(split, {}).get(criterion) is not None:
            value = metrics[split][criterion]
            results.setdefault(name, []).append(-value if lower_is_better else value)
    return results


def read_reference(path: Path) -> dict[str, float]:
    """By model, the number to compare with."""
    content = read_json(path, 'reference')
    if not isinstance(content, dict):
        raise InputError(f'{path}: an object from names to numbers is needed, as in {{"res18": 71.8}}')
    for name, value in content.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(f'{path}: {name!r} has {value!r}, which is no number')
    return content


def text(found: RankAgreement) -> str:
    """Put what was found into sentences."""
    models = f'{len(found.names)} models, from the best of the reference: {", ".join(found.names)}.'
    if found.rho is None or found.once is None or found.without is None:
        return f"{models}\nSpearman's rank correlation: unknown, as all models of one list are alike."
    return '\n'.join(
        [
            models,
            f"Spearman's rank correlation {found.rho:+.2f}, p {found.p:.3f} (all pairings of the two lists).",
            f'With one seed of each model it would be between {found.once[0]:+.2f} and {found.once[1]:+.2f} (95 %).',
            f'Without any one model it is between {found.without[0]:+.2f} and {found.without[1]:+.2f}.',
        ]
    )


if __name__ == '__main__':
    sys.exit(main())
