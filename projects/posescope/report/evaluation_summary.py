"""What a test found, for a terminal: AP and how sure it is, then what its errors cost."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from posescope.evaluation import CocoKeypointMetric
from posescope.evaluation.bootstrap import Interval
from posescope.evaluation.diagnosis.pose_diagnosis import PoseDiagnosis
from posescope.report.diagnosis_table import print_diagnosis

__all__ = ['intervals_table', 'print_summary']


def print_summary(metrics: Iterable[Any], console: Console | None = None) -> None:
    """Print what evaluators found that posescope knows; others have their line in the log.

    Args:
        metrics: Evaluators after an evaluation, e.g. ``runner.test_evaluator.metrics``.
        console: Where to; the terminal if None.
    """
    console = console or Console()
    certain = False
    for metric in metrics:
        if isinstance(metric, PoseDiagnosis):
            print_diagnosis(metric.diagnosis, console, statistics=not certain)
        elif isinstance(metric, CocoKeypointMetric) and metric.intervals:
            console.print(intervals_table(metric.intervals))
            certain = True


def intervals_table(intervals: Mapping[str, Interval]) -> Group:
    """Lay out statistics with their 95 % intervals, and why where there is none."""
    reasons = sorted({found.reason for found in intervals.values() if found.reason})
    marks = {reason: f'[{index}]' for index, reason in enumerate(reasons, 1)}
    table = Table(title='COCO keypoint AP and AR', title_justify='left')
    table.add_column('statistic')
    for column in ('value', '95 % interval', 'images'):
        table.add_column(column, justify='right')
    for name, found in intervals.items():
        ends = marks[found.reason] if found.reason else f'{found.low:.3f} to {found.high:.3f}'
        table.add_row(name, '–' if found.value is None else f'{found.value:.3f}', ends, str(found.units))
    return Group(table, *(Text(f'{mark} no interval: {reason}') for reason, mark in marks.items()))
