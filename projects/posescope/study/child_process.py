"""Runs one program of a trial: its output goes to a log, and the system tells what it took."""

import os
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from posescope.engine.command import INTERRUPTED
from posescope.study.energy import Energy, EnergyMeter

__all__ = ['STOPPED', 'Children', 'Outcome', 'last_words']

STOPPED = INTERRUPTED, -2, -15
"""Exit statuses of a program that somebody asked to stop, which says nothing against it."""
_TAIL = 64 * 2**10
_PAUSE = 0.005
"""Seconds before the second look at a program; later ones are farther apart."""
_PATIENCE = 10.0
"""Seconds that a program has to end after it was asked to."""


@dataclass(frozen=True)
class Outcome:
    """How a program ended and what it took.

    Attributes:
        status: Exit status; negative: the signal that ended it.
        seconds: Wall-clock time.
        cpu_seconds: Of all its threads.
        peak_memory_mb: Largest resident set, MiB.
        energy: Of the machine meanwhile.
    """

    status: int
    seconds: float
    cpu_seconds: float
    peak_memory_mb: float
    energy: Energy = field(default_factory=Energy)


class Children:
    """Programs that were started from here and can be stopped together.

    Args:
        metered: Whether energy is counted, which makes sense if one program runs at a time.
        devices: What ``CUDA_VISIBLE_DEVICES`` says to the programs that run at one time, one for each; none leaves it
            as it is.
    """

    def __init__(self, metered: bool = True, devices: Sequence[str] = ()) -> None:
        self._devices: queue.SimpleQueue[str] | None = None
        if devices:
            self._devices = queue.SimpleQueue()
            for device in devices:
                self._devices.put(device)
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._metered = metered
        self.stopped = False

    def run(self, command: Sequence[str], log: Path, threads: int, keep_open: Sequence[int] = ()) -> Outcome:
        """Run a program to its end.

        Args:
            command: Program and arguments.
            log: Takes what it prints, after what is there already.
            threads: That its libraries may use.
            keep_open: Descriptors that it inherits.
        """
        meter = EnergyMeter() if self._metered else None
        start = time.perf_counter()
        with self._device() as device, log.open('ab') as file:
            with self._lock:
                if self.stopped:
                    return Outcome(-15, 0.0, 0.0, 0.0)
                file.write(f'$ {" ".join(command)}\n'.encode())
                file.flush()
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    env=_environment(threads, device),
                    pass_fds=keep_open,
                )
                self._running.add(process)
            status, cpu_seconds, peak = self._wait(process, meter)
        energy = Energy() if meter is None else meter.energy()
        return Outcome(status, time.perf_counter() - start, cpu_seconds, peak, energy)

    @contextmanager
    def _device(self) -> Iterator[str | None]:
        """What no other program computes on meanwhile; None where nothing is divided."""
        if self._devices is None:
            yield None
            return
        device = self._devices.get()
        try:
            yield device
        finally:
            self._devices.put(device)

    def stop(self) -> None:
        """Ask all of them to end, and let no other start; whoever waits for one sees it end."""
        with self._lock:
            self.stopped = True
            self._signal(signal.SIGTERM)
        end = time.monotonic() + _PATIENCE
        while self._running and time.monotonic() < end:
            time.sleep(0.02)
        with self._lock:
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        """Send all of them a signal. Popen would look after them first, and take the news from who waits for them."""
        for process in self._running:
            os.kill(process.pid, number)  # it is there until it is waited for, which takes the lock

    def _wait(self, process: subprocess.Popen[bytes], meter: EnergyMeter | None) -> tuple[int, float, float]:
        """Wait for a child; gives its exit status, CPU seconds and peak of memory in MiB.

        The peak in the child's resource usage starts at what its parent had when it was forked, so it is read from
        /proc again and again: what is there never falls.
        """
        peak, pause = 0.0, _PAUSE
        while True:
            peak = max(peak, _resident_peak(process.pid))
            if meter is not None:
                meter.look()
            with self._lock:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    self._running.discard(process)
                    process.returncode = os.waitstatus_to_exitcode(status)
                    return process.returncode, usage.ru_utime + usage.ru_stime, peak or usage.ru_maxrss / 1024
            time.sleep(pause)
            pause = min(pause * 1.3, 0.5)


def _resident_peak(pid: int) -> float:
    """Largest resident set of a process so far, MiB; 0 where the system does not tell."""
    try:
        text = Path(f'/proc/{pid}/status').read_text()
    except OSError:
        return 0.0
    found = re.search(r'^VmHWM:\s+(\d+) kB', text, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _environment(threads: int, device: str | None) -> Mapping[str, str]:
    counts = dict.fromkeys(('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS'), str(threads))
    return {**os.environ, **counts, **({} if device is None else {'CUDA_VISIBLE_DEVICES': device})}


def last_words(log: Path, status: int) -> str:
    """Say in one line why a program failed: the last line that names an error, else the last one.

    Args:
        log: What it printed.
        status: Its exit status.
    """
    if status < 0:
        return f'ended by signal {-status}'
    with log.open('rb') as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        lines = [' '.join(line.split()) for line in file.read().decode(errors='replace').splitlines() if line.strip()]
    own = lines[max((i for i, line in enumerate(lines) if line.startswith('$ ')), default=-1) + 1 :]
    named = [line.removeprefix('error: ') for line in own if line.startswith('error: ')]
    return (named or own or [f'exit status {status}'])[-1]
