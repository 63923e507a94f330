"""One table of several models: how good they are and what they cost."""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from posescope.compat.checkpoint import load_checkpoint
from posescope.engine.config import load_config
from posescope.engine.resume import latest_checkpoint
from posescope.errors import InputError
from posescope.evaluation.model_cost import measure_cost

__all__ = ['ModelRow', 'markdown', 'read_row']

MISSING = '–'
METRICS = {
    'ap': 'coco/AP',
    'ap_50': 'coco/AP .5',
    'ap_75': 'coco/AP .75',
    'oks': 'oks/mean',
}
"""Field of a row -> name in metrics.json."""
LEGEND = (
    'OKS: mean over people. FLOPs: multiply-adds for one person. Training: number of steps times the median step, data '
    'loading included, validation not. Inference: median, one person at a time, one thread of a CPU, from crop to '
    'joints.'
)


@dataclass
class ModelRow:
    """What is known of one model; None where something is missing, and then ``notes`` say what would bring it.

    Attributes:
        name: Stem of the config's file.
        input_size: Width and height, pixels.
        ap: COCO keypoint AP, 0 to 1, like ``ap_50`` and ``ap_75`` at OKS .5 and .75.
        oks: Mean OKS over people.
        parameters: Number of parameters.
        multiply_adds: For one person.
        training_seconds: Number of training steps times the median step, so that other work beside it hardly counts.
        milliseconds: Inference for one person.
        notes: What is missing.
    """

    name: str
    input_size: tuple[int, int]
    parameters: int
    multiply_adds: int
    milliseconds: float
    ap: float | None = None
    ap_50: float | None = None
    ap_75: float | None = None
    oks: float | None = None
    training_seconds: float | None = None
    notes: list[str] = field(default_factory=list)


def read_row(path: str, work_dirs: Path, repeats: int = 20) -> ModelRow:
    """Measure a config's model and read what its runs left.

    Args:
        path: The config.
        work_dirs: Folder of the runs; a config's own lies below under the config's name.
        repeats: Predictions timed.

    Raises:
        InputError: The config is wrong, its model cannot be built, or a file of the run cannot be read.
    """
    cfg = load_config(path)
    if cfg.get('model') is None:
        raise InputError(f'config {path} has no model')
    name = Path(path).stem
    cost = measure_cost(cfg, name, repeats)
    row = ModelRow(name, **asdict(cost))
    folder = work_dirs / name
    metrics = _read_metrics(folder / 'metrics.json')
    if metrics is None:
        row.notes.append(f'{folder}/metrics.json is missing: tools/test.py {path} CHECKPOINT --work-dir {folder}')
    else:
        for key, metric in METRICS.items():
            setattr(row, key, metrics.get(metric))
        absent = [metric for metric in METRICS.values() if metrics.get(metric) is None]
        if absent:
            row.notes.append(f'{folder}/metrics.json has no {", ".join(absent)}')
    row.training_seconds, reason = _training_seconds(folder)
    if reason:
        row.notes.append(reason)
    return row


def _read_metrics(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        metrics = json.loads(path.read_text())
    except ValueError as error:
        raise InputError(f'{path} is not JSON: {error}') from error
    if not isinstance(metrics, dict):
        raise InputError(f'{path} holds no table of metrics, as tools/test.py writes it')
    return metrics


def _training_seconds(folder: Path) -> tuple[float | None, str]:
    """Estimate the time of all steps, which a checkpoint carries over every stop and resume.

    Returns:
        The seconds, or None and the reason.
    """
    path = latest_checkpoint(folder) if folder.is_dir() else None
    if path is None:
        return None, f'{folder} holds no checkpoint, so the training time is not known'
    hub = load_checkpoint(path).get('message_hub')
    times = hub.get('log_scalars', {}).get('train/time') if isinstance(hub, dict) else None
    if times is None:
        return None, f'{path} does not say how long its training took'
    steps = times.data[0]
    return float(len(steps) * np.median(steps)), ''


def markdown(rows: list[ModelRow]) -> str:
    """Lay rows out as a Markdown table, the best AP first, with notes on what is missing."""
    head = (
        'model', 'input', 'AP', 'AP .5', 'AP .75', 'OKS', 'parameters (M)', 'FLOPs (G)', 'training (min)',
        'inference (ms)',
    )  # fmt: skip
    lines = [f'| {" | ".join(head)} |', f'|{" --- |" * 2}{" ---: |" * (len(head) - 2)}']
    notes: list[str] = []
    for row in sorted(rows, key=lambda row: -math.inf if row.ap is None else row.ap, reverse=True):
        marks = ''.join(f'<sup>{len(notes) + 1 + i}</sup>' for i in range(len(row.notes)))
        notes += row.notes
        cells = [
            row.name + marks,
            f'{row.input_size[0]}×{row.input_size[1]}',
            *(_number(value, 3) for value in (row.ap, row.ap_50, row.ap_75, row.oks)),
            _number(row.parameters / 1e6, 2),
            _number(row.multiply_adds / 1e9, 3),
            _number(None if row.training_seconds is None else row.training_seconds / 60, 1),
            _number(row.milliseconds, 1),
        ]
        lines.append(f'| {" | ".join(cells)} |')
    lines += ['', LEGEND]
    lines += ['', *(f'{index}. {note}' for index, note in enumerate(notes, 1))] if notes else []
    return '\n'.join(lines) + '\n'


def _number(value: float | None, digits: int) -> str:
    return MISSING if value is None else f'{value:.{digits}f}'
