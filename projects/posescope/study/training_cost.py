"""What the trainings of a run cost, out of ``timing.json``."""

import statistics
from collections.abc import Mapping, Sequence
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
        joules: Mean over seeds, if the energy of all is known.
    """

    seconds: float | None
    memory_mb: float | None
    joules: float | None


def training_cost(timing: Mapping[str, Any], name: str) -> TrainingCost:
    """Put together what is known of the trainings of one run.

    Args:
        timing: Content of ``timing.json``.
        name: Of the run.
    """
    trainings = [run for run in timing['runs'] if run['name'] == name and 'train' in run['stages']]
    stages = [run['stages']['train'] for run in trainings]
    seconds = _complete([run['training_seconds'] for run in trainings])
    joules = _complete([stage['energy_joules'] for stage in stages])
    return TrainingCost(
        seconds=statistics.median(seconds) if seconds else None,
        memory_mb=max((stage['peak_memory_mb'] for stage in stages), default=None),
        joules=statistics.fmean(joules) if joules else None,
    )


def _complete(values: Sequence[float | None]) -> list[float]:
    """The values if none is unknown; otherwise nothing."""
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else []
