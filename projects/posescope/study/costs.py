"""Costs of a study's models, each measured once, while nothing else of the study runs."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from posescope.atomic import atomic_write
from posescope.data.annotations import read_json
from posescope.study.child_process import STOPPED, Children, last_words
from posescope.study.commands import Commands
from posescope.study.measured_cost import digest_of_model
from posescope.study.study_folder import StudyFolder
from posescope.study.survey import Trial

__all__ = ['costs_of', 'forget_costs', 'measure_missing']


def measure_missing(
    folder: StudyFolder,
    trials: Sequence[Trial],
    commands: Commands,
    threads: int,
    report: Callable[[str], None] = lambda name: None,
) -> None:
    """Measure the models that have no cost yet; one that cannot be measured costs a line, not the study.

    Runs that train the same architecture share a measurement; a run whose seeds train different ones has none.

    Args:
        folder: Of the study.
        trials: All of them.
        commands: ``measure`` does it.
        threads: For the larger batch.
        report: Called with each run's name before its model is measured.
    """
    children, several = Children(), _of_several_networks(trials)
    for trial in trials:
        path = _path(folder, trial)
        if path is None or path.is_file() or trial.run.name in several:
            continue
        if trial.config is None or trial.record is None or not trial.record.done:
            continue
        report(trial.run.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        config = path.with_suffix('.py')
        config.write_text(trial.config.after(trial.start_folder(folder)))
        log = path.with_suffix('.log')
        unfinished = path.with_suffix(f'.{os.getpid()}.part')  # another call may be at the same model
        command = [*commands.measure, str(config), '--out', str(unfinished), '--threads', str(threads)]
        try:
            outcome = children.run(command, log, threads)
        except BaseException:
            children.stop()
            raise
        if outcome.status == 0:
            unfinished.replace(path)
        elif outcome.status not in STOPPED and outcome.status >= 0:  # who was stopped says nothing of the model
            problem = {'problem': last_words(log, outcome.status)}
            atomic_write(path, (json.dumps(problem, indent=1) + '\n').encode())


def forget_costs(folder: StudyFolder, trials: Sequence[Trial]) -> None:
    """Remove what was measured of models, so that it is measured again."""
    for trial in trials:
        path = _path(folder, trial)
        if path is not None:
            path.unlink(missing_ok=True)


def costs_of(folder: StudyFolder, trials: Sequence[Trial], wanted: bool = True) -> dict[str, dict[str, Any]]:
    """Read what was measured: run -> ``exact`` and ``measured``, or ``problem``; runs without are left out.

    Args:
        folder: Of the study.
        trials: All of them.
        wanted: Whether models that cannot be measured have a problem.
    """
    found, several = {}, _of_several_networks(trials)
    for trial in trials:
        path = _path(folder, trial)
        if trial.run.name in several:
            if wanted:
                found[trial.run.name] = {'problem': 'its seeds are different networks'}
        elif path is not None and path.is_file():
            found[trial.run.name] = read_json(path, 'cost of a model')
        elif wanted and path is None and trial.config is not None:
            found[trial.run.name] = {'problem': 'it is no top-down model, its test pipeline has no TopdownAffine'}
    return found


def _of_several_networks(trials: Sequence[Trial]) -> set[str]:
    """Names of runs whose networks differ from seed to seed, which options with ``{seed}`` can do."""
    found: dict[str, set[str | None]] = {}
    for trial in trials:
        if trial.config is not None:
            found.setdefault(trial.run.name, set()).add(digest_of_model(trial.config.content))
    return {name for name, digests in found.items() if len(digests) > 1}


def _path(folder: StudyFolder, trial: Trial) -> Path | None:
    digest = None if trial.config is None else digest_of_model(trial.config.content)
    return None if digest is None else folder.root / 'costs' / f'{digest}.json'
