"""``diagnosis.json``: what a diagnosis found, as plain values."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from posescope.atomic import atomic_write
from posescope.evaluation.diagnosis.corrections import CORRECTABLE
from posescope.evaluation.diagnosis.diagnosis import Diagnosis
from posescope.evaluation.diagnosis.error_classes import ErrorClass
from posescope.evaluation.diagnosis.shares import LEAST_IMAGES, Share
from posescope.evaluation.diagnosis.slices import FALSE_DISCOVERIES, SliceCell

__all__ = ['content_of', 'write']


def content_of(diagnosis: Diagnosis) -> dict[str, Any]:
    """Put a diagnosis into numbers, strings, lists and objects; what is not defined is None.

    Shares are of labelled joints and have 95 % intervals over images; in joints and in slices those are marked that
    differ from the other joints, or from the rest of their family. Gains are differences of COCO's statistics on these
    very images, from 0 to 1, and have no intervals.
    """
    room = diagnosis.headroom
    return {
        'conventions': 'legacy' if diagnosis.legacy else 'corrected',
        'images': diagnosis.images,
        'people': diagnosis.false.people,
        'detections': diagnosis.detections,
        'labelled_joints': diagnosis.shares[ErrorClass.GOOD].whole,
        'least_images_of_an_interval': LEAST_IMAGES,
        'statistics': _numbers(room.measured),
        'classes': {one.label: _class_of(diagnosis, one) for one in ErrorClass},
        'headroom': {
            'alone': {kind: _gains(room.measured, values) for kind, values in room.alone.items()},
            'sequence': [
                {'corrected': kind, 'AP': _number(room.sequence[kind]['AP']), 'gain': _number(gain)}
                for kind, gain in diagnosis.sequence_gains().items()
            ],
        },
        'joints': _joints(diagnosis),
        'scoring': _numbers(vars(diagnosis.scoring)),
        'false_positives': {
            'background': diagnosis.false.background,
            'doubles': diagnosis.false.doubles,
            'of': diagnosis.false.evaluated,
        },
        'false_negatives': diagnosis.false.false_negatives,
        'slices': _slices(diagnosis),
        'modes': diagnosis.modes,
    }


def write(diagnosis: Diagnosis, folder: Path) -> Path:
    """Write ``diagnosis.json`` into a folder, which is made if it is missing, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / 'diagnosis.json'
    atomic_write(path, (json.dumps(content_of(diagnosis), indent=1, allow_nan=False) + '\n').encode())
    return path


def _class_of(diagnosis: Diagnosis, one: ErrorClass) -> dict[str, Any]:
    errors = diagnosis.errors
    ambiguous = int((errors.side_ambiguous & (errors.classes == one)).sum())
    return {**_share(diagnosis.shares[one]), 'at_side_ambiguous_joints': ambiguous}


def _joints(diagnosis: Diagnosis) -> list[dict[str, Any]]:
    counts = diagnosis.errors.counts()
    ambiguous = diagnosis.errors.side_ambiguous.sum(0)
    rows = []
    for joint, name in enumerate(diagnosis.joints):
        row: dict[str, Any] = {
            'name': name,
            'labelled': int(counts[:, joint].sum()),
            'side_ambiguous': int(ambiguous[joint]),
            'counts': {one.label: int(counts[one, joint]) for one in ErrorClass},
            'classes': {cell.error.label: _cell(cell) for cell in diagnosis.joint_cells[joint]},
        }
        if diagnosis.joint_gains is not None:
            gains = diagnosis.joint_gains[:, joint]
            row['gain_alone'] = {one.label: _number(gains[one]) for one in CORRECTABLE}
        rows.append(row)
    return rows


def _slices(diagnosis: Diagnosis) -> list[dict[str, Any]]:
    return [
        {
            'family': cell.family,
            'population': cell.population,
            'class': cell.error.label,
            **_cell(cell),
        }
        for cell in diagnosis.slices
    ]


def _cell(cell: SliceCell) -> dict[str, Any]:
    return {
        **_share(cell.share),
        'difference': _number(cell.difference),
        'p': _number(cell.p),
        f'marked_at_fdr_{FALSE_DISCOVERIES}': cell.marked,
    }


def _share(part: Share) -> dict[str, float | int | None]:
    return {
        'count': part.part,
        'of': part.whole,
        'share': _number(part.value),
        'low': _number(part.low),
        'high': _number(part.high),
        'images': part.images,
    }


def _gains(before: dict[str, float], after: dict[str, float]) -> dict[str, float | None]:
    both = {name: (before[name], after[name]) for name in before}
    return {name: None if -1 in pair else pair[1] - pair[0] for name, pair in both.items()}


def _numbers(values: dict[str, Any]) -> dict[str, float | int | None]:
    return {name: None if value == -1 else _number(value) for name, value in values.items()}


def _number(value: float | np.floating) -> float | int | None:
    if isinstance(value, int):
        return value
    return float(value) if math.isfinite(value) else None
