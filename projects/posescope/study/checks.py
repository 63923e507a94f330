"""What can be wrong with a study, found before anything starts."""

import math
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from posescope.data.annotations import read_json
from posescope.errors import InputError, nearest
from posescope.evaluation.average_precision import STATISTICS
from posescope.evaluation.comparison import ALPHA
from posescope.study.plan import RunPlan, Split, StudyPlan
from posescope.study.record import STEPS
from posescope.study.tested_data import START, same_data

__all__ = ['COMPARABLE', 'check', 'check_criterion', 'check_files', 'finding_problem', 'lacking']

COMPARABLE = {f'coco/{name}': name for name in STATISTICS}
"""Metrics that matches allow to be resampled -> their names among COCO's statistics."""
_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._+-]*')
_ADDRESS = '://'


def check(plan: StudyPlan, runs: Sequence[RunPlan], where: str) -> None:
    """Check a plan, but for the files that it names.

    Args:
        plan: The plan.
        runs: Its runs as they are listed, of which several may have one name.
        where: What to call it in messages.

    Raises:
        InputError: The first thing that is wrong.
    """
    if not runs:
        raise InputError(f'{where}: runs is empty')
    if not plan.splits:
        raise InputError(f'{where}: splits is empty; splits=dict(dev=None) tests on what the configs test on')
    for name in [plan.name, *(run.name for run in runs), *plan.splits, *(one.name for one in plan.comparisons)]:
        _check_name(name, where, spaces=name in [one.name for one in plan.comparisons])
    _refuse_twice([run.name for run in runs], 'runs', where)
    _refuse_twice([one.name for one in plan.comparisons], 'comparisons', where)
    for run in runs:
        _check_run(plan, run, where)
    if plan.compare_on not in plan.splits:
        raise InputError(
            f'{where}: compare_on={plan.compare_on} is no split of the study, which has {", ".join(plan.splits)}'
        )
    _check_comparisons(plan, where)
    _check_choice(plan, where)
    for name in plan.splits:
        if name in STEPS:
            raise InputError(f'{where}: a split cannot be named {name}, which is a step of every run')
    if plan.threads is not None and plan.threads < 1:
        raise InputError(f'{where}: threads={plan.threads}, it takes at least 1')
    if plan.resamples < 100:
        raise InputError(f'{where}: resamples={plan.resamples}, fewer than 100 say nothing of the ends of an interval')
    given = [one for one in plan.comparisons if not (plan.runs[one.run].repeats or plan.runs[one.control].repeats)]
    needed = math.ceil(len(plan.comparisons) / ALPHA)
    if given and plan.resamples + 1 < needed:
        raise InputError(
            f'{where}: resamples={plan.resamples}; with {len(plan.comparisons)} comparisons, which are corrected '
            f'together, {given[0].name} (given weights) can show nothing with fewer than {needed}'
        )


def check_files(plan: StudyPlan, where: str) -> None:
    """Look whether the splits' files are there.

    Args:
        plan: The plan.
        where: What to call it in messages.

    Raises:
        InputError: One is missing; the message also says what the split's note says.
    """
    for split in plan.splits.values():
        problem = lacking(split) or _unreadable(split)
        if problem:
            hint = f' ({split.note})' if split.note else ''
            raise InputError(f'{where}, split {split.name}: {problem}{hint}')


def lacking(split: Split) -> str:
    """Say which of a split's files is missing; empty if none is."""
    for path, what in ((split.annotations, 'annotation file'), (split.boxes, 'detections'), (split.units, 'units')):
        if path is not None and not Path(path).is_file():
            return f'{what} {path} does not exist'
    if split.images is not None and not Path(split.images).is_dir():
        return f'images {split.images} is no folder'
    return ''


def _unreadable(split: Split) -> str:
    """Say what is wrong with annotations that are there; empty if nothing is."""
    if split.annotations is None:
        return ''
    content = read_json(Path(split.annotations), 'annotation file')
    for key in ('images', 'annotations'):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            return f'annotation file {split.annotations} has no list of {key}'
        if not content[key]:
            return f'annotation file {split.annotations} holds no {key}'
    return ''


def check_criterion(criterion: str, metrics: Iterable[str], where: str) -> None:
    """Refuse a criterion that no run reports.

    Args:
        criterion: Of the study.
        metrics: Names of all metrics that finished runs report.
        where: What to call the study.

    Raises:
        InputError: It is none of them.
    """
    known = sorted(set(metrics))
    if known and criterion not in known:
        raise InputError(f'{where}: no run reports criterion {criterion} (nearest: {nearest(criterion, known)})')


def _check_name(name: str, where: str, spaces: bool) -> None:
    if not isinstance(name, str) or not (name.strip() if spaces else _NAME.fullmatch(name)):
        raise InputError(f'{where}: name {name!r} is no file name; it takes letters, digits, and . _ + - within')


def _refuse_twice(names: Sequence[str], what: str, where: str) -> None:
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise InputError(f'{where}: {names.count(twice[0])} {what} have the name {twice[0]}')


def _check_run(plan: StudyPlan, run: RunPlan, where: str) -> None:
    if not run.seeds:
        raise InputError(f'{where}: run {run.name} has no seeds')
    for control in run.controls:
        if control == run.name:
            raise InputError(f'{where}: run {run.name} is its own control')
        if control not in plan.runs:
            raise InputError(
                f'{where}: control {control} of run {run.name} is no run of the study '
                f'(nearest: {nearest(control, [name for name in plan.runs if name != run.name])})'
            )
        if plan.runs[control].start != run.start and {control, run.name}.isdisjoint({run.start or ''}):
            raise InputError(
                f'{where}: run {run.name} starts from {run.start}, its control {control} from '
                f'{plan.runs[control].start}; a control has the same start (a comparison may have another)'
            )
    set_for_all = list(_leaves(plan.budget))
    for key in _leaves(run.options):
        if any(f'{key}.'.startswith(f'{one}.') or f'{one}.'.startswith(f'{key}.') for one in set_for_all):
            raise InputError(f'{where}: run {run.name} changes {key}, which the budget sets for all runs')
    if run.start is None and not run.train:
        raise InputError(f'{where}: run {run.name} is not trained (train=False), so it takes the weights as start=…')
    _check_start(plan, run, where)
    if START in repr(run.options) and run.start not in plan.runs:
        raise InputError(f'{where}: options of run {run.name} have {START}, but it starts from no run of the study')
    if run.finding is not None:
        _check_finding(plan, run, where)


def _leaves(options: Mapping[str, Any], prefix: str = '') -> Iterator[str]:
    """Full names of what options set, dicts entered."""
    for key, value in options.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f'{prefix}{key}.')
        else:
            yield f'{prefix}{key}'


def _check_start(plan: StudyPlan, run: RunPlan, where: str) -> None:
    """A start is a file, an address, or a run that does not start from this one."""
    if run.start is None or _ADDRESS in run.start:
        return
    if run.start not in plan.runs:
        if _NAME.fullmatch(run.start) and not Path(run.start).exists():
            raise InputError(
                f'{where}: start {run.start} of run {run.name} is no file and no run of the study '
                f'(nearest: {nearest(run.start, [name for name in plan.runs if name != run.name])})'
            )
        return
    chain = [run.name]
    while (start := plan.runs[chain[-1]].start) in plan.runs:
        chain.append(str(start))
        if chain.count(chain[-1]) > 1:
            raise InputError(f'{where}: runs start from each other: {" ← ".join(chain)}')
    seeds = plan.runs[run.start].seeds
    missing = [seed for seed in run.seeds if seed not in seeds]
    if len(seeds) > 1 and missing:
        raise InputError(f'{where}: run {run.name} has seed {missing[0]}, its start {run.start} has {list(seeds)}')


def _check_finding(plan: StudyPlan, run: RunPlan, where: str) -> None:
    """A finding is ``path#id``, the file holds it, and it was made on data that may be learnt from."""
    path, mark, identity = str(run.finding).rpartition('#')
    if not mark or not path or not identity:
        raise InputError(f'{where}: finding {run.finding} of run {run.name}: it takes findings.json#id')
    if START in path:
        _check_finding_of_start(plan, run, path, where)
        return
    problem = _problem_of_finding(plan, run, Path(path), identity)
    if problem:
        raise InputError(f'{where}: {problem}')


def _check_finding_of_start(plan: StudyPlan, run: RunPlan, path: str, where: str) -> None:
    """What can be known of a finding before the start has run: that it will have run, and on which split."""
    if run.start not in plan.runs:
        raise InputError(
            f'{where}: finding {run.finding} of run {run.name} has {START}, but it starts from no run of the study'
        )
    parts = posixpath.normpath(path).split('/')
    if parts[0] != START or len(parts) < 3 or parts[1] not in plan.splits:
        raise InputError(
            f'{where}: finding {run.finding} of run {run.name}: it takes {START}/{plan.inner_split}/findings.json#id, '
            f'with one of the splits {", ".join(plan.splits)}'
        )
    if _judges(plan, parts[1]):
        raise InputError(
            f'{where}: finding {run.finding} of run {run.name} was made on {parts[1]}, on which runs are compared'
        )


def finding_problem(plan: StudyPlan, run: RunPlan, start: Path | None) -> str:
    """Say what is wrong with a finding that a run's start should have left; empty if nothing is.

    Args:
        plan: The study.
        run: The run.
        start: Folder of the trial that it starts from, which has finished; None if it starts from none.
    """
    path, _, identity = str(run.finding).rpartition('#')
    if run.finding is None or start is None or START not in path:
        return ''
    try:
        return _problem_of_finding(plan, run, Path(path.replace(START, str(start))), identity)
    except InputError as error:
        return ' '.join(str(error).split())


def _problem_of_finding(plan: StudyPlan, run: RunPlan, path: Path, identity: str) -> str:
    content = read_json(path, f'findings of run {run.name}:')
    rows = content if isinstance(content, list) else []
    known = {str(one['id']): one for one in rows if isinstance(one, dict) and 'id' in one}
    if identity not in known:
        return f'{path} holds no finding {identity} (nearest: {nearest(identity, known) or "none"})'
    split = known[identity].get('split')
    if _judges(plan, split):
        return f'finding {run.finding} of run {run.name} was made on {split}, on which runs are compared'
    return ''


def _judges(plan: StudyPlan, split: str | None) -> bool:
    """Whether a split says how good something is, so that nothing may be learnt from it."""
    return split in _compared(plan) - {plan.choose_on} and split != plan.inner_split


def _check_comparisons(plan: StudyPlan, where: str) -> None:
    for one in plan.comparisons:
        for role, run in (('run', one.run), ('control', one.control)):
            if run not in plan.runs:
                raise InputError(
                    f'{where}: {role} {run} of comparison {one.name} is no run of the study '
                    f'(nearest: {nearest(run, plan.runs)})'
                )
        if one.run == one.control:
            raise InputError(f'{where}: comparison {one.name} compares {one.run} with itself')
        if one.split not in plan.splits:
            raise InputError(
                f'{where}: comparison {one.name} is on split {one.split}, the study has {", ".join(plan.splits)}'
            )
        if one.criterion not in COMPARABLE:
            raise InputError(
                f'{where}: criterion {one.criterion} of comparison {one.name} cannot be tested; it takes one of '
                f"COCO's statistics (nearest: {nearest(one.criterion, COMPARABLE)})"
            )
        if not (one.margin > 0):
            raise InputError(f'{where}: comparison {one.name} has margin {one.margin}; it takes more than 0')
        if one.paired and plan.runs[one.run].seeds != plan.runs[one.control].seeds:
            raise InputError(f'{where}: comparison {one.name} is paired, but its runs have different seeds')


def _check_choice(plan: StudyPlan, where: str) -> None:
    """Nothing may be chosen on the split that says how good the choice is."""
    if plan.criterion.startswith('coco/AP') or plan.criterion.startswith('coco/AR'):
        check_criterion(plan.criterion, [f'{name}{end}' for name in COMPARABLE for end in ('', '/low', '/high')], where)
    of_errors = plan.criterion.startswith('diagnosis/') and plan.criterion != 'diagnosis/share/good'
    if of_errors and plan.higher_is_better:
        raise InputError(f'{where}: criterion {plan.criterion} is better if it is lower: higher_is_better=False')
    if plan.choose_on is None:
        return
    if plan.choose_on not in plan.splits:
        raise InputError(
            f'{where}: choose_on={plan.choose_on} is no split of the study, which has {", ".join(plan.splits)}'
        )
    chosen = plan.splits[plan.choose_on].annotations
    for name in sorted(_compared(plan)):
        same = name != plan.choose_on and chosen is not None and _same(chosen, plan.splits[name].annotations)
        if name == plan.choose_on or same:
            reason = f'has annotations of {name}' if same else 'is the split that the comparisons are made on'
            raise InputError(
                f'{where}: choose_on={plan.choose_on} {reason}; what is chosen there cannot be tested there: '
                'choose on dev'
            )


def _same(one: str, other: str | None) -> bool:
    return other is not None and same_data(one, other)


def _compared(plan: StudyPlan) -> set[str]:
    """Splits that say how good a choice is."""
    return {plan.compare_on, 'test', *(one.split for one in plan.comparisons)} & set(plan.splits)
