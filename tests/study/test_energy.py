from pathlib import Path

import pytest

from posescope.study.energy import EnergyMeter


def write_domain(root: Path, name: str, kind: str, microjoules: int, most: int = 10**9) -> None:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'name').write_text(f'{kind}\n')
    (folder / 'energy_uj').write_text(f'{microjoules}\n')
    (folder / 'max_energy_range_uj').write_text(f'{most}\n')


def test_packages_and_memory_but_not_parts_of_packages(tmp_path: Path) -> None:
    write_domain(tmp_path, 'intel-rapl:0', 'package-0', 1_000_000)
    write_domain(tmp_path, 'intel-rapl:0:0', 'core', 500_000)
    write_domain(tmp_path, 'intel-rapl:0:1', 'dram', 100_000)
    write_domain(tmp_path, 'intel-rapl:1', 'package-1', 990_000_000)
    meter = EnergyMeter(tmp_path, lambda: [])
    write_domain(tmp_path, 'intel-rapl:0', 'package-0', 4_000_000)
    write_domain(tmp_path, 'intel-rapl:0:0', 'core', 2_500_000)
    write_domain(tmp_path, 'intel-rapl:0:1', 'dram', 600_000)
    write_domain(tmp_path, 'intel-rapl:1', 'package-1', 5_000_000)  # started again at 10^9
    assert meter.joules() == pytest.approx(3 + 0.5 + 15)


def test_counters_that_start_again_several_times(tmp_path: Path) -> None:
    write_domain(tmp_path, 'intel-rapl:0', 'package-0', 200, most=1000)
    meter = EnergyMeter(tmp_path, lambda: [])
    for count in (400, 100, 950, 300):  # a look in each turn
        write_domain(tmp_path, 'intel-rapl:0', 'package-0', count, most=1000)
        meter.look()
    assert meter.joules() == pytest.approx((200 + 700 + 850 + 350) * 1e-6)


def test_gpus_are_added(tmp_path: Path) -> None:
    write_domain(tmp_path, 'intel-rapl:0', 'package-0', 0)
    counts = iter([[5000, 7000], [6000, 9000]])
    meter = EnergyMeter(tmp_path, lambda: next(counts))
    assert meter.joules() == pytest.approx(1 + 2)
    assert EnergyMeter(tmp_path, lambda: None).joules() is None, 'GPUs that do not tell'


def test_a_machine_that_does_not_tell(tmp_path: Path) -> None:
    assert EnergyMeter(tmp_path / 'gone', lambda: []).joules() is None
    write_domain(tmp_path, 'intel-rapl:0', 'package-0', 0)
    (tmp_path / 'intel-rapl:0' / 'energy_uj').unlink()
    assert EnergyMeter(tmp_path, lambda: []).joules() is None
