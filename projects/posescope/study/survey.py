"""Where a study stands: every trial with its resolved config, its record, and what it lacks."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from posescope.data.annotations import read_json
from posescope.errors import InputError, nearest
from posescope.study.commands import Commands
from posescope.study.plan import RunPlan, StudyPlan
from posescope.study.record import FAILED, FINISHED, Identity, TrialRecord, read_record, write_record
from posescope.study.run_config import TrialConfig, first_difference, resolve
from posescope.study.study_folder import StudyFolder, clear_trial, trial_lock
from posescope.study.tested_data import digest_of_data, digest_of_file
from posescope.study.trial import TrialTask, steps_of

__all__ = ['Trial', 'record_problem', 'refuse_changed', 'remove', 'survey', 'with_followers']


@dataclass
class Trial:
    """A run with one seed.

    Attributes:
        run: The run.
        seed: The seed.
        config: Its resolved config; None if it does not load.
        problem: Why it does not load, one line.
        identity: Of the trial; None without a config.
        start: The trial whose weights it starts from.
        record: What is known of it.
    """

    run: RunPlan
    seed: int
    config: TrialConfig | None
    problem: str
    identity: Identity | None
    start: 'Trial | None'
    record: TrialRecord | None

    @property
    def label(self) -> str:
        """What to call it in a message."""
        return f'{self.run.name} seed {self.seed}'

    def finished(self, plan: StudyPlan) -> bool:
        """Whether nothing is left to do."""
        wanted = steps_of(self.run.train, list(plan.splits), bool(self.run.interpret), plan.calibrate)
        return self.record is not None and self.record.complete(wanted)

    def start_folder(self, folder: StudyFolder) -> Path | None:
        """Folder of the trial that it starts from; None if it starts from none."""
        return None if self.start is None else folder.trial(self.start.run.name, self.start.seed)

    def weights(self, folder: StudyFolder) -> str | None:
        """What it starts from: a checkpoint of the last training before it, or the file or address that is given."""
        trial = self
        while trial.start is not None:
            trial = trial.start
            if trial.run.train and trial.record is not None and trial.record.checkpoint is not None:
                return str(folder.trial(trial.run.name, trial.seed) / trial.record.checkpoint)
        return trial.run.start

    def task(self, plan: StudyPlan, folder: StudyFolder, commands: Commands, threads: int) -> TrialTask:
        """Put together all that it takes to carry it out; its start has to be finished."""
        assert self.config is not None
        assert self.identity is not None
        return TrialTask(
            self.run.name,
            self.seed,
            self.run.config,
            self.config,
            self.identity,
            folder.trial(self.run.name, self.seed),
            self.weights(folder),
            self.run.start,
            self.start_folder(folder),
            self.run.train,
            plan.validate,
            tuple(plan.splits.values()),
            plan.inner_split if plan.calibrate else None,
            plan.inner_split if self.run.interpret else None,
            self.run.interpret,
            plan.threads or threads,
            commands,
        )


def survey(plan: StudyPlan, folder: StudyFolder, forgotten: Sequence[str] = ()) -> list[Trial]:
    """Resolve all configs and read all records. A config that does not load is that run's problem alone.

    Args:
        plan: The study.
        folder: Of the study.
        forgotten: Runs whose records do not count.

    Raises:
        InputError: A record is damaged.
    """
    configs: dict[str, dict[int, TrialConfig] | str] = {}
    for run in plan.runs.values():
        try:
            configs[run.name] = resolve(plan, run)
        except InputError as error:
            configs[run.name] = ' '.join(str(error).split())
    digest = cache(digest_of_file)
    found: dict[tuple[str, int], Trial] = {}

    def add(run: RunPlan, seed: int) -> Trial:
        if (run.name, seed) not in found:
            before = plan.start_of(run, seed)
            start = None if before is None else add(*before)
            given = configs[run.name]
            config, problem = (None, given) if isinstance(given, str) else (given[seed], '')
            record = None if run.name in forgotten else read_record(folder.record(run.name, seed))
            of_start = _of_start(run, start, digest)
            if of_start is None and record is not None and run.start is not None and record.start in (None, run.start):
                of_start = record.identity.start  # the file is elsewhere; what it was is known
            identity = None if config is None else Identity(config.digest, of_start)
            found[run.name, seed] = Trial(run, seed, config, problem, identity, start, record)
        return found[run.name, seed]

    return [add(run, seed) for run, seed in plan.trials()]


def _of_start(run: RunPlan, start: Trial | None, digest: Callable[[Path], str | None]) -> str | None:
    """What tells a run's start from others; None if there is none, or it cannot be read."""
    if start is not None:
        return None if start.identity is None else _combined(start.identity)
    if run.start is None:
        return None
    return hashlib.sha256(run.start.encode()).hexdigest() if '://' in run.start else digest(Path(run.start))


def _combined(identity: Identity) -> str:
    return hashlib.sha256(f'{identity.config} {identity.start}'.encode()).hexdigest()


def refuse_changed(plan: StudyPlan, folder: StudyFolder, trials: Sequence[Trial]) -> None:
    """Refuse to go on where something that ran was not what the study says now.

    Raises:
        InputError: Naming the trial, what differs, and how to run it again.
    """
    for trial in trials:
        record = trial.record
        if record is None or trial.identity is None or trial.config is None:
            continue
        if record.identity != trial.identity:
            if record.status == FAILED and not record.done:
                continue  # it begins anew, and nothing is lost
            verb = 'finished' if record.status == FINISHED else 'begun'
            raise InputError(
                f'run {trial.label} was {verb} with {_change(trial, folder)}; --redo {trial.run.name} runs it again'
            )
        for name, before in record.data.items():
            split = plan.splits.get(name)
            now = None if split is None else digest_of_data(split, trial.config.content)
            unknown = split is None or (before is None and split.annotations is None)
            if now is not None and now != before and not unknown:
                raise InputError(
                    f'run {trial.label} was tested on other annotations or boxes of split {name} than '
                    f'{plan.splits[name].annotations or "its config"} has now; --redo {trial.run.name} runs it again'
                )


def _change(trial: Trial, folder: StudyFolder) -> str:
    assert trial.config is not None
    assert trial.identity is not None
    assert trial.record is not None
    if trial.record.identity.config == trial.identity.config:
        return f'other weights to start from than {trial.run.start} holds now'
    path = folder.trial(trial.run.name, trial.seed) / 'config.json'
    old = read_json(path, 'config of a trial') if path.is_file() else {}
    difference = first_difference(old, trial.config.content) if old else ''
    return f'another config than {trial.run.config} is now' + (f' ({difference})' if difference else '')


def with_followers(plan: StudyPlan, names: Sequence[str]) -> list[str]:
    """Runs that have to be run again if some are: these, and all that start from them; each after its start.

    Args:
        plan: The study.
        names: Of runs.

    Raises:
        InputError: A name is no run of the study.
    """
    for name in names:
        if name not in plan.runs:
            raise InputError(f'--redo {name}: the study has no such run (nearest: {nearest(name, plan.runs)})')
    found = set(names)
    while True:
        more = {run.name for run in plan.runs.values() if run.start in found} - found
        if not more:
            return sorted(found, key=lambda name: (_depth(plan, name), list(plan.runs).index(name)))
        found |= more


def _depth(plan: StudyPlan, name: str) -> int:
    """How many runs of the study come before a run."""
    start = plan.runs[name].start
    return 1 + _depth(plan, start) if start in plan.runs else 0


def remove(folder: StudyFolder, names: Sequence[str]) -> None:
    """Remove what runs left, so that they run again.

    All records go before anything else does, those of followers before those of what they start from: a kill in the
    middle leaves no trial that counts as finished although its start is another.

    Args:
        folder: Of the study.
        names: Of the runs, each after what it starts from.
    """
    for name in reversed(names):
        for path in sorted(folder.run(name).glob('seed*')):
            with trial_lock(path):
                (path / 'record.json').unlink(missing_ok=True)
    for name in names:
        for path in sorted(folder.run(name).glob('seed*')):
            with trial_lock(path):
                clear_trial(path)


def record_problem(folder: StudyFolder, trial: Trial, reason: str) -> None:
    """Write down that a trial cannot run."""
    empty = TrialRecord(trial.run.name, trial.seed, trial.run.config, trial.identity or Identity(''))
    record = trial.record or empty
    record.status, record.reason = FAILED, reason.replace(f'{Path.cwd()}/', '')
    write_record(folder.record(trial.run.name, trial.seed), record)
    trial.record = record
