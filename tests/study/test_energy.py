import json
from pathlib import Path

import pytest

from posescope.report.study_figures import draw_costs
from posescope.study.energy import Energy, EnergyMeter
from posescope.study.engines import LocalEngine
from posescope.study.markdown import markdown
from posescope.study.record import Stage, read_record
from tests.study.small_study import SmallStudy


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
    assert meter.energy().processors == pytest.approx(3 + 0.5 + 15)
    assert meter.energy().whole == pytest.approx(18.5), 'a machine without GPUs'


def test_counters_that_start_again_several_times(tmp_path: Path) -> None:
    write_domain(tmp_path, 'intel-rapl:0', 'package-0', 200, most=1000)
    meter = EnergyMeter(tmp_path, lambda: [])
    for count in (400, 100, 950, 300):  # a look in each turn
        write_domain(tmp_path, 'intel-rapl:0', 'package-0', count, most=1000)
        meter.look()
    assert meter.energy().processors == pytest.approx((200 + 700 + 850 + 350) * 1e-6)


def test_gpus_are_added(tmp_path: Path) -> None:
    write_domain(tmp_path, 'intel-rapl:0', 'package-0', 0)
    counts = iter([[5000, 7000], [6000, 9000]])
    meter = EnergyMeter(tmp_path, lambda: next(counts))
    found = meter.energy()
    assert (found.processors, found.gpus, found.whole) == (0, pytest.approx(1 + 2), pytest.approx(1 + 2))
    silent = EnergyMeter(tmp_path, lambda: None).energy()
    assert (silent.processors, silent.gpus, silent.whole) == (0, None, None), 'GPUs that do not tell'


@pytest.mark.parametrize('rapl', ['is not there', 'is not readable'])
def test_gpus_tell_where_processors_do_not(tmp_path: Path, rapl: str) -> None:
    powercap = tmp_path / 'powercap'
    if rapl == 'is not readable':  # the name is, the count is root's
        write_domain(powercap, 'intel-rapl:0', 'package-0', 0)
        (powercap / 'intel-rapl:0' / 'energy_uj').unlink()
    counts = iter([[5000], [7500]])
    assert EnergyMeter(powercap, lambda: next(counts)).energy() == Energy(None, 2.5)
    assert EnergyMeter(powercap, lambda: []).energy().whole is None


class FixedMeter:
    """Says the same of every program."""

    says = Energy()

    def look(self) -> None:
        """Nothing changes."""

    def energy(self) -> Energy:
        return self.says


@pytest.mark.parametrize(
    ('says', 'kept', 'column', 'panel'),
    [
        (
            Energy(None, 7400.0), (None, None, 7400.0), 'training GPU energy (kJ)', 'GPU energy of the training (kJ)',
        ),
        (
            Energy(7400.0, None), (None, 7400.0, None), 'training CPU energy (kJ)', 'CPU energy of the training (kJ)',
        ),
        (Energy(7000.0, 400.0), (7400.0, 7000.0, 400.0), 'training energy (kJ)', 'energy of the training (kJ)'),
        (Energy(7400.0, 0.0), (7400.0, 7400.0, None), 'training energy (kJ)', 'energy of the training (kJ)'),
        (Energy(None, 0.0), (None, None, None), None, None),
    ],
    ids=['GPUs alone', 'processors alone', 'both', 'no GPU', 'nothing'],
)  # fmt: skip
def test_what_is_known_reaches_table_and_figure(
    small: SmallStudy,
    monkeypatch: pytest.MonkeyPatch,
    says: Energy,
    kept: tuple[float | None, ...],
    column: str | None,
    panel: str | None,
) -> None:
    monkeypatch.setattr('posescope.study.child_process.EnergyMeter', FixedMeter)
    monkeypatch.setattr(FixedMeter, 'says', says)
    study = small.run(small.content([{'name': 'a', 'config': small.config('a', 1.0)}]))
    work = small.folder / 'work'
    timing = json.loads((work / 'timing.json').read_text())
    # The fake training leaves no checkpoint that tells the time of its steps, without which it has no cost.
    timing['runs'][0]['training_seconds'] = 60.0
    stage = timing['runs'][0]['stages']['train']
    assert tuple(stage[key] for key in ('energy_joules', 'processor_joules', 'gpu_joules')) == kept
    assert read_record(work / 'runs/a/seed0/record.json').stages['train'] == Stage(**stage)
    head, row = markdown(study, timing).split('## Runs\n\n')[1].splitlines()[0:3:2]
    cells = dict(zip(head.split(' | '), row.split(' | '), strict=True))
    shown = {name.strip(' |'): value.strip(' |') for name, value in cells.items() if 'energy' in name}
    assert shown == ({column: '7.4'} if column else {})
    labels = [axes.get_xlabel() for axes in draw_costs(study, timing).axes if axes.get_visible()]
    assert [label for label in labels if 'energy' in label] == ([panel] if panel else [])


def test_energy_of_one_among_several_is_not_counted(small: SmallStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('posescope.study.child_process.EnergyMeter', FixedMeter)
    monkeypatch.setattr(FixedMeter, 'says', Energy(3.0, 4.0))
    study = small.study(small.content([{'name': 'a', 'config': small.config('a', 1.0)}]))
    with LocalEngine(2) as engine:
        study.carry_out(engine)
    stage = study.trials[0].record.stages['train']
    assert (stage.energy_joules, stage.processor_joules, stage.gpu_joules) == (None, None, None)
