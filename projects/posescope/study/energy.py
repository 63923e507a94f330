"""Energy that processors and GPUs took, where the machine counts it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pynvml
import torch

__all__ = ['Energy', 'EnergyMeter']

_POWERCAP = Path('/sys/class/powercap')


@dataclass(frozen=True)
class Energy:
    """What a machine took.

    Attributes:
        processors: Joules of all processors; None where they do not tell, as in most containers, or where only root
            may read it.
        gpus: Joules of all GPUs, 0 where there are none; None where they do not tell.
    """

    processors: float | None = None
    gpus: float | None = None

    @property
    def whole(self) -> float | None:
        """Joules of both; None if either is not known."""
        return None if self.processors is None or self.gpus is None else self.processors + self.gpus


class EnergyMeter:
    """Counts from construction on, if somebody looks at it every few minutes (:meth:`look`).

    Processors count in RAPL's files, one for each package (a package's count holds those of its cores and its memory
    controller; memory itself is a domain of its own). NVIDIA's GPUs count since they were switched on.

    Args:
        powercap: Folder of RAPL's domains.
        gpus: Returns millijoules by GPU, or None where there are some that do not tell; None asks NVML.
    """

    def __init__(self, powercap: Path = _POWERCAP, gpus: Callable[[], list[int] | None] | None = None) -> None:
        self._gpus = gpus or _nvml_counts
        self._domains = _domains(powercap)
        self._ranges = [_number(domain / 'max_energy_range_uj') for domain in self._domains]
        self._last = [_number(domain / 'energy_uj') for domain in self._domains]
        self._microjoules: int | None = 0 if self._domains else None
        self._gpus_before = self._gpus()

    def look(self) -> None:
        """Count what processors took since the last look.

        Their counters start again at 0 after a quarter of a megajoule or so, twenty minutes of a busy server. One look
        in each such time tells how often.
        """
        now = [_number(domain / 'energy_uj') for domain in self._domains]
        for before, after, whole in zip(self._last, now, self._ranges, strict=True):
            if before is None or after is None or (after < before and whole is None):
                self._microjoules = None
            elif self._microjoules is not None:
                self._microjoules += after - before + ((whole or 0) if after < before else 0)
        self._last = now

    def energy(self) -> Energy:
        """Energy since construction."""
        self.look()
        return Energy(None if self._microjoules is None else self._microjoules * 1e-6, self._joules_of_gpus())

    def _joules_of_gpus(self) -> float | None:
        before, after = self._gpus_before, self._gpus()
        if before is None or after is None or len(before) != len(after):
            return None
        return sum(now - then for then, now in zip(before, after, strict=True)) * 1e-3


def _domains(powercap: Path) -> list[Path]:
    """Packages and memory; a package's parts (intel-rapl:0:0, its cores) are in its own count already."""
    if not powercap.is_dir():
        return []
    names = {path: _text(path / 'name') for path in sorted(powercap.glob('intel-rapl:*'))}
    return [path for path, name in names.items() if name.startswith('package') or name == 'dram']


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # readable by root alone on most machines
        return ''


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdecimal() else None


def _nvml_counts() -> list[int] | None:
    """Millijoules of all GPUs of the machine; None if there are some that do not tell."""
    if not torch.cuda.device_count():
        return []
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        return [pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) for handle in handles]
    except pynvml.NVMLError:
        return None
