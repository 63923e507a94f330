"""What of a machine and its software bears on numbers and times."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from posescope.version import __version__

__all__ = ['available_cores', 'describe_host', 'describe_versions', 'devices_of', 'threads_of', 'workers_of']

_PACKAGES = ('torch', 'mmpose', 'mmengine', 'numpy', 'timm')


def available_cores() -> int:
    """Cores that this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def threads_of(workers: int) -> int:
    """Threads for each of several workers: what OMP_NUM_THREADS says, else the cores divided."""
    given = os.environ.get('OMP_NUM_THREADS', '')
    return int(given) if given.isdecimal() and int(given) > 0 else max(1, available_cores() // workers)


def workers_of(threads: int | None, trials: int) -> int:
    """How many trials at a time this machine has room for: one if each takes the cores that there are.

    Where there are GPUs each trial has one, as nobody knows how much of its memory another one leaves.

    Args:
        threads: Of each trial; None if it takes what it gets.
        trials: That there are at all.
    """
    if threads is None:
        return 1
    room = available_cores() // threads
    return max(1, min(room, trials, torch.cuda.device_count() or room))


def devices_of(workers: int) -> list[str]:
    """A GPU for each of several workers, as ``CUDA_VISIBLE_DEVICES`` names it; none where there are not several."""
    count = torch.cuda.device_count()
    if workers < 2 or count < 2:
        return []
    named = [name for name in os.environ.get('CUDA_VISIBLE_DEVICES', '').split(',') if name.strip()]
    names = named[:count] if named else list(map(str, range(count)))
    return [names[worker % len(names)] for worker in range(workers)]


def describe_host(threads: int) -> dict[str, Any]:
    """Processor, cores, accelerator, and the threads that a trial had; nothing that names the machine."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {'processor': _processor(), 'cores': available_cores(), 'threads': threads, 'gpu': gpu}


def describe_versions() -> dict[str, str]:
    """Versions of Python and of the packages whose numbers they are."""
    found = {'python': platform.python_version(), 'posescope': __version__}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        for line in Path('/proc/cpuinfo').read_text().splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
