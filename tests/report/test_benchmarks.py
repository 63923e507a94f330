"""What benchmarks measure with."""

import json
import statistics
import subprocess
import sys
import time

import numpy as np
import pytest

from posescope.report.benchmarks import interleaved, median_interval, record, with_overhead, write_records


def test_functions_are_timed_in_turn():
    order: list[str] = []
    seconds = interleaved((lambda: order.append('a'), lambda: order.append('b') or time.sleep(0.02)), repeats=3)
    assert order == ['a', 'b'] * 4, 'one call each that does not count, then three in turn'
    assert [len(times) for times in seconds] == [3, 3]
    assert min(seconds[1]) >= 0.02


FRESH = """
import time
import numpy as np
from posescope.report.benchmarks import peak_memory

def kept_a_while(size):
    array = np.ones(size)
    time.sleep(0.1)
    assert array[-1] == 1

kept = np.ones(30 << 17)  # 30 MiB that are there before
print(peak_memory(lambda: [kept_a_while(40 << 17) for _ in range(2)]))
assert kept[0] == 1
"""


def test_peak_memory_is_that_of_the_call_and_not_of_the_process():
    # In a process of its own: one that has freed memory before hands it out again, and then nothing grows.
    done = subprocess.run([sys.executable, '-c', FRESH], capture_output=True, text=True, check=True)
    assert 38 < float(done.stdout.split()[-1]) < 60, 'one array of 40 MiB after the other'


def test_what_is_added_is_a_share_of_the_bare_run_of_the_same_turn():
    added = with_overhead(record('slow', None, 1, None, 's', equal=True), [11.0, 22.0, 5.5], [10.0, 20.0, 5.0])
    assert added['overhead'] == pytest.approx({'median': 0.1, 'low': 0.1, 'high': 0.1}), 'though the machine was slow'


# Ranks of the 95 % interval of a median, from a table of the sign test (Conover, table A3).
@pytest.mark.parametrize(('count', 'rank'), [(1, 1), (5, 1), (6, 1), (8, 1), (9, 2), (12, 3), (20, 6)])
def test_interval_has_the_ranks_of_the_sign_test(count, rank):
    values = list(range(1, count + 1))
    assert median_interval(values[::-1]) == (rank, count + 1 - rank)


def test_interval_covers_the_median_as_often_as_it_says():
    draws = np.random.default_rng(0).lognormal(size=(4000, 9))
    low, high = np.array([median_interval(values.tolist()) for values in draws]).T
    exact = 1 - 2 * (1 + 9) / 2**9
    assert statistics.fmean((low < 1) & (high > 1)) == pytest.approx(exact, abs=0.01), 'the median is 1'


def test_records_are_printed_and_written(tmp_path, capsys):
    entry = record('speed', 'peer', 2.0, 8.0, 's', equal=True)
    assert entry['ratio'] == 4
    alone = record('alone', None, 2.0, None, 's', equal=True)
    assert alone['ratio'] is None
    added = with_overhead(entry, [11.0, 12.0, 13.0, 14.0, 15.0], [10.0] * 5)
    assert added['overhead'] == pytest.approx({'median': 0.3, 'low': 0.1, 'high': 0.5})
    write_records(tmp_path / 'new' / 'records.json', [added, alone])
    assert json.loads((tmp_path / 'new' / 'records.json').read_text()) == [added, alone]
    assert '4.00×' in capsys.readouterr().out
