"""What the trainings of a run cost, out of ``timing.json``."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ['TrainingCost', 'training_cost']


@dataclass(frozen=True)
class TrainingCost:
    """Of one training of a run; None is unknown.

    Attributes:
        seconds: Steps times the median step; median over seeds, since other work beside a training makes it longer
            and never shorter.
        memory_mb: The largest resident set of all seeds.
        gpu_memory_mb: The most that tensors took of a GPU in any of them.
        joules: Mean over seeds, if the energy of all is known.
    """

    seconds: float | None
    memory_mb: float | None
    gpu_memory_mb: float | None
    joules: float | None


def training_cost(timing: Mapping[str, Any], name: str) -> TrainingCost:
    """Put together what is known of the trainings of one run that came to their end.

    Args:
        timing: Content of ``timing.json``.
        name: Of the run.
    """
    tried = [run for run in timing['runs'] if run['name'] == name and 'train' in run['stages']]
    ended = [run for run in tried if run['training_seconds'] is not None]  # one that failed says little of the others
    stages = [run['stages']['train'] for run in ended]
    joules = [stage['energy_joules'] for stage in stages]
    return TrainingCost(
        seconds=statistics.median(run['training_seconds'] for run in ended) if ended else None,
        memory_mb=max((stage['peak_memory_mb'] for stage in stages), default=None),
        gpu_memory_mb=max((run['gpu_memory_mb'] for run in ended if run.get('gpu_memory_mb')), default=None),
        joules=statistics.fmean(joules) if joules and None not in joules else None,
    )
