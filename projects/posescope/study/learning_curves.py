"""How loss and validation went during a training, and what it took of a GPU, from the log that MMEngine writes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ['LearningCurve', 'gpu_memory_mb', 'read_curve']


@dataclass(frozen=True)
class LearningCurve:
    """Of one training.

    Attributes:
        steps: Iterations at which the loss was logged, rising.
        losses: The loss there.
        validated: Epochs, or iterations where training counts those, at which validation took place.
        values: The metric there.
    """

    steps: tuple[int, ...]
    losses: tuple[float, ...]
    validated: tuple[int, ...]
    values: tuple[float, ...]


def read_curve(work_dir: Path, metric: str) -> LearningCurve:
    """Read the logs of a training, which has one for each time that it was started.

    Where a training was stopped between two checkpoints it repeats steps, and what came last counts.

    Args:
        work_dir: Folder of the training.
        metric: Of the validation, e.g. ``coco/AP``.
    """
    losses: dict[int, float] = {}
    values: dict[int, float] = {}
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for row in _rows(path):
            step = row.get('step')
            if not isinstance(step, int):
                continue
            for name, found in (('loss', losses), (metric, values)):
                if isinstance(row.get(name), int | float):
                    found[step] = float(row[name])
    return LearningCurve(
        tuple(sorted(losses)),
        tuple(losses[step] for step in sorted(losses)),
        tuple(sorted(values)),
        tuple(values[step] for step in sorted(values)),
    )


def gpu_memory_mb(work_dir: Path) -> float | None:
    """The most that tensors took of a GPU, MiB, in a training that logged it; None where it computed on a CPU.

    Args:
        work_dir: Folder of the training.
    """
    logged = [row.get('memory') for path in work_dir.glob('*/vis_data/scalars.json') for row in _rows(path)]
    return max((float(value) for value in logged if isinstance(value, int | float) and value > 0), default=None)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a log; a kill may have cut its last one short."""
    for line in path.read_text().splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            yield row
