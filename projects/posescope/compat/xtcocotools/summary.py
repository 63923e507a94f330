"""The table that COCO's evaluation prints, and the numbers in it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from pycocotools.cocoeval import COCOeval, Params

PEOPLE_AN_IMAGE = 20
"""Greatest number of detections on an image in COCO's keypoint task."""


class Row(NamedTuple):
    """One line of the table.

    Attributes:
        measure: ``precision`` or ``recall``.
        detections: Greatest number of detections on an image.
        overlap: Threshold of OKS or IoU; None averages over all.
        area: Label of an area range.
    """

    measure: str
    detections: int
    overlap: float | None = None
    area: str = 'all'


def summarize_keypoints(evaluation: COCOeval, areas: Iterable[str]) -> np.ndarray:
    """Print and return AP, AP at .5 and .75 and of ``areas``, then AR likewise."""
    rows = []
    for measure in ('precision', 'recall'):
        rows += [Row(measure, PEOPLE_AN_IMAGE, overlap) for overlap in (None, 0.5, 0.75)]
        rows += [Row(measure, PEOPLE_AN_IMAGE, area=area) for area in areas]
    return _print_rows(evaluation, rows)


def summarize_detection(evaluation: COCOeval) -> np.ndarray:
    """Print and return the twelve numbers of COCO's box and mask tasks."""
    few, some, many = evaluation.params.maxDets[:3]
    areas = ('small', 'medium', 'large')
    rows = [
        Row('precision', 100),
        Row('precision', many, 0.5),
        Row('precision', many, 0.75),
        *(Row('precision', many, area=area) for area in areas),
        *(Row('recall', count) for count in (few, some, many)),
        *(Row('recall', many, area=area) for area in areas),
    ]
    return _print_rows(evaluation, rows)


def format_row(params: Params, row: Row, value: float, group: str | None = None) -> str:
    """Format a line as COCO's code does; ``group`` takes the place of the area range."""
    name, short = ('Average Precision', '(AP)') if row.measure == 'precision' else ('Average Recall', '(AR)')
    overlap = f'{params.iouThrs[0]:0.2f}:{params.iouThrs[-1]:0.2f}' if row.overlap is None else f'{row.overlap:0.2f}'
    group = group or f'area={row.area:>6s}'
    return f' {name:<18} {short} @[ IoU={overlap:<9} | {group} | maxDets={row.detections:>3d} ] = {value: 0.3f}'


def _print_rows(evaluation: COCOeval, rows: list[Row]) -> np.ndarray:
    stats = []
    for row in rows:
        stats.append(_mean(evaluation.eval, evaluation.params, row))
        print(format_row(evaluation.params, row, stats[-1]))
    return np.array(stats, dtype=float)


def _mean(measures: dict[str, Any], params: Params, row: Row) -> float:
    """Average what a row speaks of over categories, thresholds and recalls; -1 if there is no person to find."""
    values = measures[row.measure]  # (thresholds, [recalls,] categories, areas, counts)
    if row.overlap is not None:
        values = values[np.isclose(params.iouThrs, row.overlap)]
    areas = [label == row.area for label in params.areaRngLbl]
    counts = [count == row.detections for count in params.maxDets]
    values = values[..., areas, :][..., counts]
    values = values[values > -1]
    return float(values.mean()) if values.size else -1.0
