"""Carries out one trial: trains, tests on every split, calibrates; what is done is never done again."""

import json
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posescope.atomic import atomic_write
from posescope.data.annotations import annotation_files, read_json
from posescope.engine.resume import latest_checkpoint
from posescope.errors import InputError
from posescope.study.child_process import STOPPED, Children, Outcome, last_words
from posescope.study.commands import Commands
from posescope.study.energy import Energy
from posescope.study.host import describe_host, describe_versions
from posescope.study.learning_curves import gpu_memory_mb
from posescope.study.plan import Split
from posescope.study.record import (
    CALIBRATE,
    FAILED,
    FINISHED,
    INTERPRET,
    RUNNING,
    TRAIN,
    Identity,
    Stage,
    TrialRecord,
    read_record,
    write_record,
)
from posescope.study.run_config import TrialConfig
from posescope.study.step_times import training_seconds
from posescope.study.study_folder import TrialStoppedError, clear_trial, trial_lock
from posescope.study.tested_data import digest_of_data
from posescope.study.training_options import checkpoint_options

__all__ = ['TrialStoppedError', 'TrialTask', 'run_trial', 'steps_of']


@dataclass(frozen=True)
class TrialTask:
    """All that it takes to carry out a trial, here or on another machine that sees the same folders.

    Attributes:
        name: Of the run.
        seed: Of the trial.
        config_path: As the study gives it.
        config: Resolved.
        identity: Of the trial.
        folder: Of the trial.
        start: Checkpoint file or address that it starts from; None for the config's own.
        given_start: The same, or the run, as the study gives it.
        start_folder: Of the trial that left it; None if none of the study did.
        train: Whether it is trained.
        validate: Whether the training evaluates on its validation data.
        splits: To be tested on.
        calibrate_on: Split whose scores are calibrated; None for none.
        interpret_on: Split during whose test the model is looked into; None for none.
        interpret: True, or a file with ``interpret``.
        threads: For each program.
        commands: The programs.
    """

    name: str
    seed: int
    config_path: str
    config: TrialConfig
    identity: Identity
    folder: Path
    start: str | None
    given_start: str | None
    start_folder: Path | None
    train: bool
    validate: bool
    splits: tuple[Split, ...]
    calibrate_on: str | None
    interpret_on: str | None
    interpret: bool | str
    threads: int
    commands: Commands

    @property
    def steps(self) -> list[str]:
        """What there is to do, in order."""
        splits = [split.name for split in self.splits]
        return steps_of(self.train, splits, self.interpret_on is not None, self.calibrate_on is not None)


def steps_of(train: bool, splits: Sequence[str], interpret: bool, calibrate: bool) -> list[str]:
    """What there is to do in a trial, in order."""
    known = (TRAIN, train), *((name, True) for name in splits), (INTERPRET, interpret), (CALIBRATE, calibrate)
    return [name for name, wanted in known if wanted]


class _StepFailedError(Exception):
    """A program of the trial failed; the message says why, in one line.

    Attributes:
        killed: Whether a signal ended it, which says nothing of what it was doing.
    """

    def __init__(self, reason: str, killed: bool = False) -> None:
        super().__init__(reason)
        self.killed = killed


def run_trial(task: TrialTask, children: Children, waiting: Callable[[], None] | None = None) -> TrialRecord:
    """Do what a trial lacks, and keep its record up to date.

    A program that fails makes the record ``failed``. One that somebody stopped leaves it ``running``, so that the next
    call goes on.

    Args:
        task: The trial.
        children: Runs the programs.
        waiting: Called if another process works on this trial, before this one waits for it.

    Returns:
        The record.

    Raises:
        TrialStoppedError: Somebody stopped a program, or all of them.
    """
    with trial_lock(task.folder, waiting, lambda: children.stopped) as lock:
        record = read_record(task.folder / 'record.json')
        if record is not None and record.identity != task.identity:
            if record.status != FAILED or record.done:
                raise InputError(
                    f'run {task.name} seed {task.seed} was {record.status} meanwhile with another config or start, by '
                    'a study that says something else'
                )
            record = None
        if record is None:
            clear_trial(task.folder)  # of another config, or what a kill left of one
        if record is not None and record.complete(task.steps):
            return record
        work = _Work(task, record or TrialRecord(task.name, task.seed, task.config_path, task.identity), children, lock)
        try:
            return work.carry_out()
        except _StepFailedError as error:
            return work.finish(FAILED, str(error))
        except TrialStoppedError:
            raise
        except (InputError, OSError) as error:
            return work.finish(FAILED, ' '.join(str(error).split()))
        except Exception as error:  # of one trial, which shall not end the others
            with (task.folder / 'run.log').open('a') as log:
                traceback.print_exc(file=log)
            return work.finish(FAILED, f'{type(error).__name__}: {" ".join(str(error).split())} (see run.log)')


class _Work:
    """A trial while it is carried out; the lock of its folder is held."""

    def __init__(self, task: TrialTask, record: TrialRecord, children: Children, lock: int) -> None:
        self._task, self._record, self._children, self._lock = task, record, children, lock
        self._folder = task.folder
        self._config = task.folder / 'config.py'

    def carry_out(self) -> TrialRecord:
        """Do every step that is missing."""
        task, record = self._task, self._record
        record.versions = describe_versions()
        if TRAIN not in record.done:  # what a training had is not what a later test has
            record.host = describe_host(task.threads)
        record.start = task.given_start
        self.finish(RUNNING)
        load_from = '' if task.start is None or not task.train else f'load_from = {task.start!r}\n'
        atomic_write(self._config, (task.config.after(task.start_folder) + load_from).encode())
        atomic_write(self._folder / 'config.json', json.dumps(task.config.content, default=str).encode())
        steps: dict[str, Callable[[], None]] = {
            TRAIN: self._train,
            INTERPRET: self._interpret,
            CALIBRATE: self._calibrate,
        }
        for split in task.splits:
            steps[split.name] = lambda split=split: self._test(split)  # type: ignore[misc]
        for step in task.steps:
            if step not in record.done:
                steps[step]()
                record.done.append(step)
                self.finish(RUNNING)
        if task.calibrate_on is not None:
            self._dump.unlink(missing_ok=True)  # no earlier: who was stopped would calibrate nothing
        return self.finish(FINISHED)

    def finish(self, status: str, reason: str = '') -> TrialRecord:
        """Write the record down with this status."""
        self._record.status = status
        # Where the study lies on this machine helps nobody elsewhere.
        self._record.reason = reason.replace(f'{Path.cwd()}/', '').replace(f'{self._folder}/', '')
        write_record(self._folder / 'record.json', self._record)
        return self._record

    def _train(self) -> None:
        task, work_dir = self._task, self._folder / TRAIN
        begun = work_dir.is_dir() and latest_checkpoint(work_dir) is not None
        if task.start is not None and not begun and '://' not in task.start and not Path(task.start).is_file():
            raise _StepFailedError(f'its start {task.start} does not exist')
        command = [*task.commands.train, str(self._config), '--work-dir', str(work_dir)]
        command += [*(['--resume'] if begun else []), *([] if task.validate else ['--no-validate'])]
        options = checkpoint_options(task.config.content)
        self._run(TRAIN, [*command, *(['--cfg-options', *options] if options else [])])
        checkpoint = latest_checkpoint(work_dir)
        if checkpoint is None:
            raise _StepFailedError(f'the training left no checkpoint in {TRAIN}')
        if not checkpoint.resolve().is_relative_to(self._folder.resolve()):
            raise _StepFailedError(
                f'the training wrote its checkpoint to {checkpoint}, outside of its folder: leave out_dir out of '
                'default_hooks.checkpoint'
            )
        self._record.checkpoint = str(checkpoint.resolve().relative_to(self._folder.resolve()))
        self._record.training_seconds = training_seconds(checkpoint)
        self._record.gpu_memory_mb = gpu_memory_mb(work_dir)

    def _test(self, split: Split) -> None:
        work_dir = self._folder / split.name
        command = self._test_command(split)
        if split.name == self._task.calibrate_on:
            command += ['--dump', str(self._dump)]
        looked_into = split.name == self._task.interpret_on
        metrics = work_dir / 'metrics.json'
        metrics.unlink(missing_ok=True)  # of a test that was interrupted
        self._run(split.name, [*command, *(self._interpretation if looked_into else [])])
        content = read_json(metrics, 'result of the test')
        if not isinstance(content, dict):
            raise _StepFailedError(f'{split.name}/metrics.json holds no table of metrics')
        self._record.metrics[split.name] = content
        self._record.data[split.name] = digest_of_data(split, self._task.config.content)
        if looked_into:
            self._record.done.append(INTERPRET)

    def _interpret(self) -> None:
        """Look into a model that was tested before anybody asked for that."""
        split = next(one for one in self._task.splits if one.name == self._task.interpret_on)
        self._run(INTERPRET, [*self._test_command(split), *self._interpretation])

    @property
    def _interpretation(self) -> list[str]:
        how = self._task.interpret
        return ['--interpret'] if how is True else ['--interpret-config', str(how)]

    def _test_command(self, split: Split) -> list[str]:
        task, work_dir = self._task, self._folder / split.name
        checkpoint = str(task.start) if not task.train else str(self._folder / str(self._record.checkpoint))
        command = [*task.commands.test, str(self._config), checkpoint, '--work-dir', str(work_dir)]
        if split.annotations is not None and split.images is not None:
            command += ['--coco', split.annotations, split.images]
        if split.boxes is not None:
            command += ['--bbox-file', split.boxes]
        return command

    def _calibrate(self) -> None:
        """Calibrate the scores; where that cannot be done (nobody was found, say) the trial goes on without."""
        task = self._task
        split = next(one for one in task.splits if one.name == task.calibrate_on)
        own = annotation_files(task.config.content.get('test_dataloader'))
        annotations = split.annotations or (own[0] if len(own) == 1 else None)
        if annotations is None:
            return
        if not self._dump.is_file():  # tested before anybody asked for calibration
            self._run(CALIBRATE, [*self._test_command(split), '--dump', str(self._dump)])
        out = self._folder / split.name
        command = [
            *task.commands.calibrate,
            annotations,
            str(self._dump),
            '--config',
            str(self._config),
            '--out',
            str(out),
        ]
        try:
            self._run(CALIBRATE, command)
            self._record.calibration = _summary(read_json(out / 'calibration.json', 'calibration'))
        except _StepFailedError as error:
            if error.killed:  # the next call tries again
                raise
            self._record.calibration = None

    @property
    def _dump(self) -> Path:
        return self._folder / str(self._task.calibrate_on) / 'predictions.pkl'

    def _run(self, step: str, command: Sequence[str]) -> None:
        stage = self._record.stages.setdefault(step, Stage())
        stage.attempts += 1
        self.finish(RUNNING)
        log = self._folder / 'run.log'
        outcome = self._children.run(command, log, self._task.threads, [self._lock])
        _add(stage, outcome)
        if self._children.stopped or outcome.status in STOPPED:
            raise TrialStoppedError
        if outcome.status != 0:
            raise _StepFailedError(f'{step}: {last_words(log, outcome.status)}', killed=outcome.status < 0)


def _add(stage: Stage, outcome: Outcome) -> None:
    stage.seconds += outcome.seconds
    stage.cpu_seconds += outcome.cpu_seconds
    stage.peak_memory_mb = max(stage.peak_memory_mb, outcome.peak_memory_mb)
    # What an interrupted attempt took is not known.
    energy = outcome.energy if stage.attempts == 1 else Energy()
    stage.energy_joules, stage.processor_joules = energy.whole, energy.processors
    stage.gpu_joules = energy.gpus or None  # 0 where there is no GPU, of which nothing is to be said


def _summary(content: Any) -> dict[str, dict[str, float | None]] | None:
    """Slope, Brier score and ECE of persons and joints, of what tools/calibration.py wrote."""
    kinds = content.get('calibration', {}) if isinstance(content, dict) else {}
    found = {
        kind: {name: kinds[kind].get(name) for name in ('slope', 'brier', 'ece', 'ece_noise')}
        for kind in ('persons', 'joints')
        if isinstance(kinds.get(kind), dict)
    }
    return found or None
