"""Freed memory stays with the process."""

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import torch
from posescope.compat.allocator import keep_freed_memory
if sys.argv[1] == 'kept':
    keep_freed_memory()
def step():
    tensors = [torch.zeros(40 << 18) for _ in range(4)]  # 40 MiB each: glibc never keeps more than 32 by itself
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.long
@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='page faults are counted as Linux does')
def test_a_repeated_step_asks_the_system_for_no_further_page() -> None:
    counts = [
        int(subprocess.run([sys.executable, '-c', FAULTS, how], capture_output=True, text=True, check=True).stdout)
        for how in ('kept', 'given back')
    ]
    assert counts[0] < 100
    assert counts[1] > 10 * max(counts[0], 10), 'without it every step does'
