"""Energy that processors and GPUs took, where the machine counts it."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ['EnergyMeter']

_POWERCAP = Path('/sys/class/powercap')


class EnergyMeter:
    """Counts from construction on.

    Processors count in RAPL's files, one for each package (a package's count holds those of its cores and its memory
    controller; memory itself is a domain of its own). NVIDIA's GPUs count since they were switched on.

    Args:
        powercap: Folder of RAPL's domains.
        gpus: Returns millijoules by GPU; None asks NVML, if its Python package is installed.
    """

    def __init__(self, powercap: Path = _POWERCAP, gpus: Callable[[], list[int]] | None = None) -> None:
        self._gpus = gpus or _nvml_counts
        self._domains = _domains(powercap)
        self._packages_before = [_number(domain / 'energy_uj') for domain in self._domains]
        self._gpus_before = self._gpus()

    def joules(self) -> float | None:
        """Energy since construction; None if the machine does not tell that of its processors."""
        counts = [_number(domain / 'energy_uj') for domain in self._domains]
        if not counts or None in counts or None in self._packages_before:
            return None
        total = 0.0
        for domain, before, after in zip(self._domains, self._packages_before, counts, strict=True):
            assert before is not None
            assert after is not None
            # The counter starts again at 0; how often it did so in between cannot be seen, so it is taken as once.
            wrapped = (_number(domain / 'max_energy_range_uj') or 0) if after < before else 0
            total += (after + wrapped - before) * 1e-6
        gpus = self._gpus()
        if len(gpus) != len(self._gpus_before):
            return None
        return total + sum(after - before for before, after in zip(self._gpus_before, gpus, strict=True)) * 1e-3


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


def _nvml_counts() -> list[int]:
    try:
        nvml: Any = importlib.import_module('pynvml')
    except ImportError:
        return []
    try:
        nvml.nvmlInit()
        count = nvml.nvmlDeviceGetCount()
        return [nvml.nvmlDeviceGetTotalEnergyConsumption(nvml.nvmlDeviceGetHandleByIndex(i)) for i in range(count)]
    except nvml.NVMLError:
        return []
