"""The tables at the end of a test."""

import io

import pytest
from rich.console import Console

from posescope.evaluation.bootstrap import Interval
from posescope.report.evaluation_summary import intervals_table, print_summary


def printed(intervals: dict[str, Interval]) -> str:
    out = io.StringIO()
    Console(file=out, width=100).print(intervals_table(intervals))
    return out.getvalue()


def test_intervals_and_reasons_stand_beside_their_numbers():
    few = 'few people'
    text = printed(
        {
            'AP': Interval(0.6269, 0.5947, 0.6647, 0.02, 300, 1000, 0, ''),
            'AP (L)': Interval(0.5, None, None, None, 12, 1000, 0, few),
            'AR (M)': Interval(None, None, None, None, 0, 1000, 1000, 'nobody'),
        }
    )
    assert '│ AP        │ 0.627 │ 0.595 to 0.665 │    300 │' in text
    assert '[1] no interval: few people\n' in text
    assert '[2] no interval: nobody\n' in text
    assert ' – ' in next(line for line in text.splitlines() if 'AR (M)' in line)


def test_other_metrics_are_left_to_the_log(capsys: pytest.CaptureFixture):
    print_summary([object()])
    assert capsys.readouterr().out == ''
