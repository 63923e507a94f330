"""What benchmarks measure with."""

import json
import subprocess
import sys
import time

from posescope.report.benchmarks import interleaved, record, with_overhead, write_records


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


def test_records_are_printed_and_written(tmp_path, capsys):
    entry = record('speed', 'peer', 2.0, 8.0, 's', equal=True)
    assert entry['ratio'] == 4
    alone = record('alone', None, 2.0, None, 's', equal=True)
    assert alone['ratio'] is None
    added = with_overhead(entry, [11.0, 12.0, 13.0, 14.0, 15.0], [10.0] * 5)
    assert added['overhead'] == {'median': 0.3, 'low': 0.2, 'high': 0.4}
    write_records(tmp_path / 'new' / 'records.json', [added, alone])
    assert json.loads((tmp_path / 'new' / 'records.json').read_text()) == [added, alone]
    assert '4.00×' in capsys.readouterr().out
