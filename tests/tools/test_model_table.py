"""tools/model_table.py on runs whose files are written by hand."""

import json
import re
from pathlib import Path

import pytest
import torch
from mmengine.logging import HistoryBuffer

from tests.conftest import ROOT
from tools.model_table import main

CONFIGS = ROOT / 'configs/selection/rendered'
RES18, HOURGLASS = (CONFIGS / f'{name}_rendered-128x96.py' for name in ('td-hm_res18', 'td-hm_hourglass'))


def leave_run(folder: Path, ap: float | None, step_times: list[float]) -> None:
    """Write what a training and a test leave behind."""
    folder.mkdir(parents=True)
    metrics = {'coco/AP': ap, 'coco/AP .5': 0.9, 'coco/AP .75': 0.5, 'oks/mean': 0.8125}
    (folder / 'metrics.json').write_text(json.dumps(metrics))
    history = HistoryBuffer()
    for step_time in step_times:
        history.update(step_time)
    hub = {'log_scalars': {'train/time': history}, 'runtime_info': {}, 'resumed_keys': {}}
    torch.save({'meta': {}, 'state_dict': {}, 'message_hub': hub}, folder / 'epoch_1.pth')


def table(text: str) -> list[list[str]]:
    """The cells of a Markdown table, row by row."""
    lines = [line for line in text.splitlines() if line.startswith('|')]
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in lines]


def test_table_and_numbers(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    leave_run(tmp_path / RES18.stem, 0.25, [2.0] * 30)
    leave_run(tmp_path / HOURGLASS.stem, 0.5, [3.0, 3.0, 90.0])  # a step during which the machine was busy
    out = tmp_path / 'new' / 'models.md'
    options = ['--work-dirs', str(tmp_path), '--repeats', '1', '--out', str(out)]
    assert main([str(RES18), str(HOURGLASS), *options]) == 0
    assert capsys.readouterr().out == out.read_text()
    head, _, best, second = table(out.read_text())
    assert head[2:6] == ['AP', 'AP .5', 'AP .75', 'OKS']
    assert [best[0], second[0]] == [HOURGLASS.stem, RES18.stem]
    assert best[1:6] == ['96×128', '0.500', '0.900', '0.500', '0.812']
    assert [best[8], second[8]] == ['0.1', '1.0']  # minutes
    first, other = json.loads(out.with_suffix('.json').read_text())
    assert (first['name'], first['ap'], first['training_seconds']) == (RES18.stem, 0.25, 60.0)
    assert (other['name'], other['oks'], other['training_seconds']) == (HOURGLASS.stem, 0.8125, 9.0)
    assert first['notes'] == other['notes'] == []
    assert second[6] == f'{first["parameters"] / 1e6:.2f}'
    assert second[7] == f'{first["multiply_adds"] / 1e9:.3f}'


def test_what_is_missing_is_marked_and_explained(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    leave_run(tmp_path / HOURGLASS.stem, None, [])
    (tmp_path / HOURGLASS.stem / 'epoch_1.pth').unlink()
    torch.save({'state_dict': {}}, tmp_path / HOURGLASS.stem / 'epoch_2.pth')
    assert main([str(RES18), str(HOURGLASS), '--work-dirs', str(tmp_path), '--repeats', '1']) == 0
    text = capsys.readouterr().out
    rows = {row[0].partition('<')[0]: row for row in table(text)[2:]}
    assert rows[RES18.stem][2:6] == ['–'] * 4
    assert rows[HOURGLASS.stem][2:6] == ['–', '0.900', '0.500', '0.812']
    assert rows[RES18.stem][8] == rows[HOURGLASS.stem][8] == '–'
    assert f'{RES18.stem}/metrics.json is missing: tools/test.py {RES18} CHECKPOINT' in text
    assert f'{RES18.stem} holds no checkpoint' in text
    assert f'{HOURGLASS.stem}/metrics.json has no coco/AP\n' in text
    assert 'epoch_2.pth does not say how long its training took' in text


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ([CONFIGS / 'td-hm_res81.py'], 'td-hm_res81.py does not exist'),
        ([RES18, '--work-dirs', 'nowhere'], '--work-dirs nowhere is no folder'),
        ([RES18, '--out', 'table.txt'], '--out table.txt: .* end in .md'),
        ([RES18, '--repeats', '0'], '--repeats 0: at least one'),
        ([ROOT / 'configs/_base_/datasets/coco.py'], 'coco.py has no model'),
    ],
)
def test_bad_input_is_one_line(options, message, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'work_dirs').mkdir()
    assert main([str(option) for option in options]) == 2
    error = capsys.readouterr().err
    assert error.count('\n') == 1
    assert re.search(message, error)


@pytest.mark.parametrize('content', ['{"coco/AP": ', '[1, 2]'])
def test_broken_metrics_are_named(content, tmp_path, capsys) -> None:
    (tmp_path / RES18.stem).mkdir()
    (tmp_path / RES18.stem / 'metrics.json').write_text(content)
    assert main([str(RES18), '--work-dirs', str(tmp_path), '--repeats', '1', '--out', str(tmp_path / 'a.md')]) == 2
    error = capsys.readouterr().err
    assert error.count('\n') == 1
    assert 'metrics.json' in error
    assert not (tmp_path / 'a.md').exists()
