"""The record of a trial: a small JSON file that says how far it is and what it found."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from posescope.atomic import atomic_write
from posescope.data.annotations import read_json
from posescope.errors import InputError

__all__ = [
    'CALIBRATE',
    'FAILED',
    'FINISHED',
    'INTERPRET',
    'RUNNING',
    'STEPS',
    'TRAIN',
    'WAITING',
    'Identity',
    'Stage',
    'TrialRecord',
    'read_record',
    'write_record',
]

WAITING, RUNNING, FINISHED, FAILED = 'waiting', 'running', 'finished', 'failed'
STEPS = TRAIN, INTERPRET, CALIBRATE = 'train', 'interpret', 'calibrate'
"""Of a trial, beside a test on every split."""
_FORMAT, _VERSION = 'posescope trial', 1


@dataclass(frozen=True)
class Identity:
    """What makes two trials the same.

    Attributes:
        config: Digest of the resolved config, which holds the seed.
        start: Digest of the checkpoint file or its address, or of the identity of the run that it starts from; None
            for neither.
    """

    config: str
    start: str | None = None


@dataclass
class Stage:
    """What a step of a trial took. Everything is what a clock or the operating system said, so it varies.

    Attributes:
        seconds: Wall-clock time of all attempts that came to an end.
        attempts: How many times the step was started.
        cpu_seconds: Of all threads.
        peak_memory_mb: Largest resident set of the process, MiB.
        energy_joules: Of the machine's processors and GPUs meanwhile; None where it does not tell, where others
            worked beside it, or where the step was interrupted.
        processor_joules: The part of the processors, likewise; known also where that of the GPUs is not.
        gpu_joules: The part of the GPUs; None also where there are none.
    """

    seconds: float = 0.0
    attempts: int = 0
    cpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    energy_joules: float | None = None
    processor_joules: float | None = None
    gpu_joules: float | None = None


@dataclass
class TrialRecord:
    """Everything that is known of one run with one seed.

    Attributes:
        name: Of the run.
        seed: Of the trial.
        config: Path of its config, as the study gives it.
        identity: What was run.
        status: ``waiting``, ``running``, ``finished`` or ``failed``.
        reason: Why it failed, one line.
        done: Steps that are complete: ``train``, the splits, ``interpret``, ``calibrate``.
        checkpoint: Tested weights, relative to the trial's folder; None for given weights.
        metrics: Split -> what ``metrics.json`` says.
        data: Split -> digest of its annotations and boxes, see :func:`posescope.study.tested_data.digest_of_data`.
        calibration: Kind of score -> slope, Brier score and ECE.
        training_seconds: Steps times the median step, which a checkpoint carries over every stop.
        gpu_memory_mb: The most that tensors took of a GPU in the training, MiB; None without one.
        stages: Step -> what it took.
        host: Processor, cores, threads.
        versions: Of the software.
        start: What it starts from, as the study gives it; None for nothing, or in a record that does not say.
    """

    name: str
    seed: int
    config: str
    identity: Identity
    status: str = WAITING
    reason: str = ''
    done: list[str] = field(default_factory=list)
    checkpoint: str | None = None
    metrics: dict[str, dict[str, float | int | None]] = field(default_factory=dict)
    data: dict[str, str | None] = field(default_factory=dict)
    calibration: dict[str, dict[str, float | None]] | None = None
    training_seconds: float | None = None
    gpu_memory_mb: float | None = None
    stages: dict[str, Stage] = field(default_factory=dict)
    host: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    start: str | None = None

    @property
    def seconds(self) -> float:
        """Wall-clock time of all steps."""
        return sum(stage.seconds for stage in self.stages.values())

    def complete(self, wanted: list[str]) -> bool:
        """Whether it is finished and lacks none of the wanted steps."""
        return self.status == FINISHED and set(wanted) <= set(self.done)


def write_record(path: Path, record: TrialRecord) -> None:
    """Write a record; a reader sees the old one or the new one."""
    content = {'format': _FORMAT, 'version': _VERSION, **asdict(record)}
    for stage in content['stages'].values():
        # An earlier posescope, which may be at work on the same study, knows no parts of the energy.
        for part in ('processor_joules', 'gpu_joules'):
            if stage[part] is None:
                del stage[part]
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, (json.dumps(content, indent=1, allow_nan=False) + '\n').encode())


def read_record(path: Path) -> TrialRecord | None:
    """Read a record; None if there is none yet.

    Raises:
        InputError: The file is no record, or of a newer version.
    """
    if not path.is_file():
        return None
    content = read_json(path, 'record')
    if not isinstance(content, dict) or content.pop('format', None) != _FORMAT:
        raise InputError(f'{path} is no record of a trial')
    if content.pop('version', 0) > _VERSION:
        raise InputError(f'{path} was written by a newer posescope')
    try:
        content['identity'] = Identity(**content['identity'])
        content['stages'] = {name: Stage(**stage) for name, stage in content['stages'].items()}
        content = {'start': None, 'gpu_memory_mb': None, **content}  # earlier records of this version lack both
        return TrialRecord(**{one.name: content[one.name] for one in fields(TrialRecord)})
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f'{path} is damaged: {error}') from error
