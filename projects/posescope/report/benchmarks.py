"""What benchmarks share: peers timed in turn in one run, peak memory, and the records that they write."""

import json
import math
import multiprocessing
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from posescope.atomic import atomic_write

__all__ = ['interleaved', 'median_interval', 'peak_memory', 'record', 'with_overhead', 'write_records']

_MEBIBYTE = 1024
_LOOK_EVERY = 0.003
"""Seconds between two looks at the memory."""


def interleaved(
    functions: Sequence[Callable[[], object]], repeats: int = 7, clock: Callable[[], float] = time.perf_counter
) -> list[list[float]]:
    """Time functions in turn, after one call each that does not count.

    Args:
        functions: What to time.
        repeats: Calls of each that count.
        clock: Seconds; ``time.process_time`` counts those of this process's CPU.

    Returns:
        For each function its seconds.
    """
    seconds: list[list[float]] = [[] for _ in functions]
    for repeat in range(repeats + 1):
        for function, mine in zip(functions, seconds, strict=True):
            start = clock()
            function()
            if repeat:
                mine.append(clock() - start)
    return seconds


def peak_memory(function: Callable[[], object]) -> float:
    """Measure by how much a call raises the memory of a process that was forked for it, at its peak.

    Counted are anonymous pages, in memory or swapped out; a thread looks every few milliseconds. Memory that this
    process has freed, but not given back, is used again without being counted: measure in one that has done little.
    Linux only.

    Returns:
        MiB.
    """
    context = multiprocessing.get_context('fork')
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_peak, args=(function, sender))
    process.start()
    sender.close()
    grown: float = receiver.recv()
    process.join()
    return grown


def _send_peak(function: Callable[[], object], sender: Any) -> None:
    before = peak = _anonymous()
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(_LOOK_EVERY):
            peak = max(peak, _anonymous())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        function()
    finally:
        done.set()
        watcher.join()
    sender.send((peak - before) / _MEBIBYTE)


def _anonymous() -> int:
    """KiB of this process's anonymous pages."""
    lines = Path('/proc/self/status').read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(('RssAnon', 'VmSwap')))


def record(name: str, peer: str | None, ours: float, theirs: float | None, unit: str, equal: bool) -> dict[str, Any]:
    """Put one comparison into the format that all benchmarks write.

    Args:
        name: Of the comparison.
        peer: What it is compared with; None if there is nothing.
        ours: Median or peak of posescope.
        theirs: Median or peak of the peer.
        unit: Of both.
        equal: Whether both gave the same results.
    """
    ratio = None if theirs is None else theirs / ours
    return {
        'name': name, 'peer': peer, 'ours': ours, 'theirs': theirs, 'unit': unit, 'ratio': ratio, 'equal': equal
    }  # fmt: skip


def with_overhead(entry: dict[str, Any], ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    """Add to a record what is added to a bare run, as a share of it: median of the pairs, with its interval.

    Args:
        entry: The record.
        ours: Seconds with the addition.
        theirs: Seconds of the bare run of the same turn.
    """
    added = [a / b - 1 for a, b in zip(ours, theirs, strict=True)]
    low, high = median_interval(added)
    return {**entry, 'overhead': {'median': statistics.median(added), 'low': low, 'high': high}}


def median_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Give the interval that holds the median of what the values were drawn from, whatever their distribution.

    Its ends are values of equal rank from below and above, the innermost that the sign test allows (W. J. Conover,
    Practical Nonparametric Statistics, 3.2). With five values or fewer not even the extremes reach 95 %.

    Args:
        values: Independent draws.
        confidence: That the interval has at least, if there are enough values.
    """
    ordered, count = sorted(values), len(values)
    rank, outside = 0, 2 * 0.5**count  # that the median is below the lowest value, or above the highest
    while rank + 1 < (count + 1) // 2:
        outside += 2 * math.comb(count, rank + 1) * 0.5**count
        if outside > 1 - confidence:
            break
        rank += 1
    return ordered[rank], ordered[-1 - rank]


def write_records(path: Path | None, records: list[dict[str, Any]]) -> None:
    """Print records as a table, and write them as JSON if a path is given."""
    from rich.console import Console
    from rich.table import Table

    table = Table('name', 'peer', 'ours', 'theirs', 'unit', 'ratio', 'equal', 'added')
    for entry in records:
        overhead = entry.get('overhead')
        table.add_row(
            entry['name'],
            entry['peer'] or '–',
            f'{entry["ours"]:.3f}',
            '–' if entry['theirs'] is None else f'{entry["theirs"]:.3f}',
            entry['unit'],
            '–' if entry['ratio'] is None else f'{entry["ratio"]:.2f}×',
            'yes' if entry['equal'] else 'NO',
            f'{overhead["median"]:+.1%} ({overhead["low"]:+.1%} … {overhead["high"]:+.1%})' if overhead else '',
        )
    Console(width=130).print(table)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, json.dumps(records, indent=2).encode())
