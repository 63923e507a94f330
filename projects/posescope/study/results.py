"""``study.json`` and ``timing.json``: everything that a study found, as plain values."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from posescope.atomic import atomic_write
from posescope.evaluation.comparison import Comparison
from posescope.study.comparisons import row_of
from posescope.study.plan import StudyPlan
from posescope.study.ranking import Intervals, Standing, rank, standing
from posescope.study.record import WAITING
from posescope.study.study_folder import StudyFolder
from posescope.study.survey import Trial

__all__ = ['study_content', 'timing_content', 'write_markdown', 'write_results']


def study_content(
    plan: StudyPlan,
    trials: Sequence[Trial],
    comparisons: Sequence[Comparison],
    costs: Mapping[str, Mapping[str, Any]],
    intervals: Intervals = lambda trial, split: None,
) -> dict[str, Any]:
    """Put together what does not depend on how often a study was stopped, nor on what a clock said.

    Args:
        plan: The study.
        trials: All of them.
        comparisons: In the plan's order.
        costs: Run -> cost; only its ``exact`` part goes in.
        intervals: Of single tests.
    """
    pairs = zip(plan.comparisons, comparisons, strict=True)
    ordered = sorted(trials, key=lambda trial: (list(plan.runs).index(trial.run.name), trial.seed))
    return {
        'name': plan.name,
        'title': plan.title,
        'criterion': plan.criterion,
        'higher_is_better': plan.higher_is_better,
        'choose_on': plan.choose_on,
        'compare_on': plan.compare_on,
        'budget': _readable(plan.budget),
        'runs': [_run(plan, trial, costs.get(trial.run.name, {})) for trial in ordered],
        'means': [
            _standing(standing(plan, name, split, trials, intervals)) for split in plan.splits for name in plan.runs
        ],
        'chosen': _chosen(plan, trials, intervals),
        'comparisons': [row_of(one, found, len(comparisons)) for one, found in pairs],
    }


def _run(plan: StudyPlan, trial: Trial, cost: Mapping[str, Any]) -> dict[str, Any]:
    record, run = trial.record, trial.run
    status = WAITING if record is None else record.status
    return {
        'name': run.name,
        'config': run.config,
        'options': _readable(run.options),
        'seed': trial.seed,
        'start': run.start,
        'trained': run.train,
        'finding': run.finding,
        'controls': list(run.controls),
        'note': run.note,
        'status': status,
        'reason': '' if record is None else record.reason,
        'metrics': {}
        if record is None
        else {name: record.metrics[name] for name in plan.splits if name in record.done},
        'calibration': None if record is None else record.calibration,
        'cost': cost.get('exact'),
    }


def _standing(one: Standing) -> dict[str, Any]:
    return asdict(one)


def _chosen(plan: StudyPlan, trials: Sequence[Trial], intervals: Intervals) -> dict[str, Any] | None:
    """The best run by its mean on the split of the choice, of those whose seeds have all finished; None for none.

    Which seed of a run diverges is no chance, so a mean over the others would flatter it.
    """
    if plan.choose_on is None:
        return None
    complete = [one for one in rank(plan, trials, intervals) if one.seeds == len(plan.runs[one.name].seeds)]
    return {**_standing(complete[0]), 'criterion': plan.criterion} if complete else None


def _readable(value: Any) -> Any:
    """The same with texts for what JSON cannot hold."""
    if isinstance(value, Mapping):
        return {str(key): _readable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def timing_content(plan: StudyPlan, trials: Sequence[Trial], costs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Put together what a clock, the system or an energy meter said, which no two studies agree on to the digit.

    Args:
        plan: The study.
        trials: All of them.
        costs: Run -> cost; its ``measured`` part, or why there is none.
    """
    runs = [
        {
            'name': trial.run.name,
            'seed': trial.seed,
            'training_seconds': trial.record.training_seconds,
            'gpu_memory_mb': trial.record.gpu_memory_mb,
            'stages': {name: asdict(stage) for name, stage in trial.record.stages.items()},
            'host': trial.record.host,
            'versions': trial.record.versions,
        }
        for trial in trials
        if trial.record is not None and trial.record.stages
    ]
    models = {name: cost.get('measured') or {'problem': cost.get('problem', '')} for name, cost in costs.items()}
    return {'name': plan.name, 'runs': runs, 'models': models}


def write_results(folder: StudyFolder, study: Mapping[str, Any], timing: Mapping[str, Any]) -> None:
    """Write both files; before anything is drawn, which could fail."""
    folder.root.mkdir(parents=True, exist_ok=True)
    for name, content in (('study.json', study), ('timing.json', timing)):
        atomic_write(folder.root / name, (json.dumps(content, indent=1, allow_nan=False) + '\n').encode())


def write_markdown(folder: StudyFolder, text: str) -> None:
    """Write ``study.md``."""
    atomic_write(folder.root / 'study.md', text.encode())
