"""What the trainings of a run cost, out of ``timing.json``."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ['TrainingCost', 'parts_of_energy', 'training_cost']


@dataclass(frozen=True)
class TrainingCost:
    """Of one training of a run; None is unknown.

    Attributes:
        seconds: Steps times the median step; median over seeds, since other work beside a training makes it longer
            and never shorter.
        memory_mb: The largest resident set of all seeds.
        gpu_memory_mb: The most that tensors took of a GPU in any of them.
        joules: Mean over seeds, if the energy of all is known.
        processor_joules: The same of the processors alone.
        gpu_joules: The same of the GPUs alone; None also where there are none.
    """

    seconds: float | None
    memory_mb: float | None
    gpu_memory_mb: float | None
    joules: float | None
    processor_joules: float | None = None
    gpu_joules: float | None = None


def training_cost(timing: Mapping[str, Any], name: str) -> TrainingCost:
    """Put together what is known of the trainings of one run that came to their end.

    Args:
        timing: Content of ``timing.json``.
        name: Of the run.
    """
    tried = [run for run in timing['runs'] if run['name'] == name and 'train' in run['stages']]
    ended = [run for run in tried if run['training_seconds'] is not None]  # one that failed says little of the others
    stages = [run['stages']['train'] for run in ended]
    return TrainingCost(
        seconds=statistics.median(run['training_seconds'] for run in ended) if ended else None,
        memory_mb=max((stage['peak_memory_mb'] for stage in stages), default=None),
        gpu_memory_mb=max((run['gpu_memory_mb'] for run in ended if run.get('gpu_memory_mb')), default=None),
        joules=_mean(stage['energy_joules'] for stage in stages),
        processor_joules=_mean(stage.get('processor_joules') for stage in stages),
        gpu_joules=_mean(stage.get('gpu_joules') for stage in stages),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    """The mean; None if one of them is not known, or there are none."""
    given = list(values)
    known = [value for value in given if value is not None]
    return statistics.fmean(known) if known and len(known) == len(given) else None


def parts_of_energy(costs: Iterable[TrainingCost]) -> tuple[bool, bool]:
    """Which parts of the energy are worth showing: those that are all that is known of some run.

    They are shown of the other runs as well, which can be compared by them alone.

    Args:
        costs: Of all runs.

    Returns:
        Whether to show that of the processors, and that of the GPUs.
    """
    partly = [cost for cost in costs if cost.joules is None]
    return any(one.processor_joules is not None for one in partly), any(one.gpu_joules is not None for one in partly)
