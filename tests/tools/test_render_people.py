"""The command line of the renderer; pictures are stand-ins, because here everything else is under test."""

import functools
import importlib.util
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from posescope.data.rendering import standard_sets
from posescope.data.rendering.dataset import render_dataset
from posescope.data.rendering.render_folder import RenderSettings
from tests.conftest import ROOT
from tests.data.rendering.flat_scenes import FlatScene, flat_renderer, flat_scene
from tests.tools.test_convert_movenet import error_line
from tools import render_people

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tool draw rectangles, in this process."""
    render = functools.partial(render_dataset, renderer=flat_renderer)
    monkeypatch.setattr(render_people, 'render_dataset', render)
    monkeypatch.setattr(standard_sets, 'render_dataset', render)


def interrupted_renderer() -> Callable[[int, int], FlatScene]:
    def render(seed: int, index: int) -> FlatScene:
        if index == 2:
            raise KeyboardInterrupt
        return flat_scene(seed, index)

    return render


def run(*arguments: object) -> int:
    return render_people.main([*map(str, arguments), '--processes', '1'])


@pytest.mark.usefixtures('drawn')
def test_renders_and_says_when_all_is_there(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / 'people'
    assert run(out, '--num', 3, '--seed', 8) == 0
    assert f'{out}/annotations/people.json: 3 pictures, 6 people\n' in capsys.readouterr().out
    times = {path: path.stat().st_mtime_ns for path in out.rglob('*')}
    assert run(out, '--num', 3, '--seed', 8) == 0
    assert '3 pictures, 6 people, complete already' in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in out.rglob('*')} == times


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--num', '0'], '--num 0: the number of pictures has to be from 1 to 100000'),
        (['--num', '-3'], '--num -3:'),
        (['--num', '3', '--seed', '-1'], '--seed -1: a seed has to be from 0 to 9999'),
        (['--num', '3', '--seed', '10000'], '--seed 10000:'),
        (['--num', '3', '--split', 'parts'], "--split 'parts':"),
        (['--num', '3', '--split', '../up'], "--split '../up':"),
        (['--num', '3', '--split', ''], "--split '':"),
        (['--num', '3', '--processes', '0'], '--processes 0: at least one process'),
        ([], '--num is missing'),
        (['--embedded', '--num', '3', '--seed', '0'], '--embedded renders a fixed set; leave out --num, --seed'),
        (['--large-test', '--split', 'x'], '--large-test renders a fixed set; leave out --split'),
    ],
)
def test_wrong_options(tmp_path: Path, capsys: Capture, options: list[str], words: str) -> None:
    assert render_people.main([str(tmp_path / 'out'), *options]) == 2
    assert words in error_line(capsys.readouterr().err)
    assert not any(tmp_path.iterdir())


def a_file(out: Path) -> None:
    out.write_text('')


def below_a_file(out: Path) -> None:
    out.parent.rmdir()
    out.parent.write_text('')


def photographs(out: Path) -> None:
    (out / 'images').mkdir(parents=True)


def one_file(out: Path) -> None:
    out.mkdir()
    (out / 'notes.txt').write_text('mine')


def coco(out: Path) -> None:
    (out / 'annotations').mkdir(parents=True)
    (out / 'annotations/people.json').write_text(json.dumps({'info': {'year': 2017}, 'images': []}))


def pictures_of_that_name(out: Path) -> None:
    (out / 'people').mkdir(parents=True)
    (out / 'people/holiday.jpg').write_bytes(b'')


def finished_otherwise(out: Path) -> None:
    render_dataset(out, RenderSettings('people', 9, 3), 1, flat_renderer)


def begun_otherwise(out: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        render_dataset(out, RenderSettings('people', 8, 4), 1, interrupted_renderer)


def same_seed(out: Path) -> None:
    render_dataset(out, RenderSettings('train', 8, 3), 1, flat_renderer)


def begun_with_same_seed(out: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        render_dataset(out, RenderSettings('train', 8, 4), 1, interrupted_renderer)


def lost_a_picture(out: Path) -> None:
    render_dataset(out, RenderSettings('people', 8, 3), 1, flat_renderer)
    (out / 'people/000800001.jpg').unlink()


@pytest.mark.parametrize(
    ('prepare', 'words'),
    [
        (a_file, 'out is a file; give a folder'),
        (below_a_file, 'Not a directory'),
        (photographs, 'out holds something else than rendered people, images; give a new or an empty folder'),
        (one_file, 'something else than rendered people, notes.txt;'),
        (coco, 'something else than rendered people, annotations/people.json;'),
        (pictures_of_that_name, 'something else than rendered people, people;'),
        (finished_otherwise, 'holds a finished render with --num 3 --seed 9 --split people'),
        (begun_otherwise, 'holds a half-finished render with --num 4 --seed 8 --split people'),
        (same_seed, '--seed 8 is that of split train in'),
        (begun_with_same_seed, '--seed 8 is that of split train in'),
        (lost_a_picture, '1 of 3 pictures or part maps are missing, first'),
    ],
)
@pytest.mark.usefixtures('drawn')
def test_folders_that_cannot_take_it(
    tmp_path: Path, capsys: Capture, prepare: Callable[[Path], None], words: str
) -> None:
    out = tmp_path / 'folder' / 'out'
    out.parent.mkdir()
    prepare(out)
    before = {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()}
    capsys.readouterr()
    assert run(out, '--num', 3, '--seed', 8) == 2
    assert words in error_line(capsys.readouterr().err)
    assert {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()} == before


@pytest.mark.usefixtures('drawn')
def test_an_unwritable_folder(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing is unwritable to the superuser, as whom tests run in a container.
    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(13, 'Permission denied', str(path))

    monkeypatch.setattr(Path, 'mkdir', refuse)
    assert run(tmp_path / 'out', '--num', 3) == 2
    assert 'out/.render/people: Permission denied' in error_line(capsys.readouterr().err)


def test_missing_anny(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None if name == 'anny' else find(name))
    assert run(tmp_path / 'out', '--num', 3) == 2
    line = error_line(capsys.readouterr().err)
    assert line == 'error: rendering needs anny: pip install "posescope[render]"'
    assert not any(tmp_path.iterdir())


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    for renderer, status in ((interrupted_renderer, 130), (flat_renderer, 0)):
        monkeypatch.setattr(render_people, 'render_dataset', functools.partial(render_dataset, renderer=renderer))
        assert run(tmp_path, '--num', 4) == status
        if status:
            assert error_line(capsys.readouterr().err) == (
                f'error: interrupted; what is finished is kept in {tmp_path}, the same command goes on'
            )
            assert len(list(tmp_path.glob('people/*.jpg'))) == 2
    assert len(list(tmp_path.glob('people/*.jpg'))) == 4


@pytest.mark.usefixtures('drawn')
def test_embedded_set_is_checked(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [(settings.split, settings.seed) for settings in standard_sets.EMBEDDED] == [
        ('train', 1), ('dev', 2), ('test', 3)
    ]  # fmt: skip
    assert all(settings.num >= least for settings, least in zip(standard_sets.EMBEDDED, (1600, 300, 500), strict=True))
    monkeypatch.setattr(standard_sets, 'EMBEDDED', (RenderSettings('train', 1, 40), RenderSettings('dev', 2, 1)))
    assert run(tmp_path / 'out', '--embedded') == 2
    # All rectangles are on pictures of two, where four of five pictures should show one person.
    assert 'people 1: 0 of 40 (0.0 %) where 80.0 % is stated' in error_line(capsys.readouterr().err)
    assert not (tmp_path / 'out/annotations/train.json').exists()

    monkeypatch.setattr(standard_sets, 'check_composition', lambda coco: '')
    assert run(tmp_path / 'out', '--embedded') == 0
    assert 'dev.json: 1 pictures' in capsys.readouterr().out
    monkeypatch.setattr(standard_sets, 'EMBEDDED_BYTES', 1000)
    assert run(tmp_path / 'out', '--embedded') == 2
    assert 'more than the 1000 that are stated' in error_line(capsys.readouterr().err)


@pytest.mark.usefixtures('drawn')
def test_large_test_set_is_compared(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (standard_sets.LARGE_TEST.num, standard_sets.LARGE_TEST.seed) == (2000, 4)
    reference, out = tmp_path / 'reference.sha256', tmp_path / 'out'
    monkeypatch.setattr(standard_sets, 'LARGE_TEST', RenderSettings('large_test', 4, 3))
    monkeypatch.setattr(standard_sets, 'check_composition', lambda coco: '')
    monkeypatch.setattr(render_people, 'DIGESTS', reference)
    assert run(out, '--large-test') == 1
    assert 'reference.sha256 does not exist' in error_line(capsys.readouterr().err)
    reference.write_bytes((out / 'large_test.sha256').read_bytes())
    assert run(out, '--large-test') == 0
    lines = reference.read_text().split()
    assert f'as in {reference}: {lines[0]}' in capsys.readouterr().out
    reference.write_text('\n'.join([lines[0], lines[1], '00000000', lines[3]]))
    assert run(out, '--large-test') == 1
    assert '1 of 3 pictures differ from' in (line := error_line(capsys.readouterr().err))
    assert line.endswith('first 000400001')


def test_script_as_it_is_called(tmp_path: Path) -> None:
    tool = str(ROOT / 'tools' / 'render_people.py')
    result = subprocess.run([sys.executable, tool, tmp_path, '--num', '0'], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert 'Traceback' not in result.stderr
    assert '--num 0' in error_line(result.stderr)


def test_help_teaches(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as left:
        render_people.main(['--help'])
    assert left.value.code == 0
    text = capsys.readouterr().out
    for words in ('examples:', '--coco', 'goes on when', 'posescope[render]', '2350 train', 'large_test.sha256'):
        assert words in text


FULL = """
import functools, resource, signal, sys
from posescope.data.rendering.dataset import render_dataset
from tests.data.rendering.flat_scenes import flat_renderer
from tools import render_people
render_people.render_dataset = functools.partial(render_dataset, renderer=flat_renderer)
if __name__ == '__main__':
    sys.exit(render_people.main([sys.argv[1], '--num', '3', '--processes', sys.argv[2]]))
"""


@pytest.mark.crash
@pytest.mark.parametrize('limit', [300, 1500])
@pytest.mark.parametrize('processes', ['1', '2'])
def test_files_that_cannot_grow(tmp_path: Path, processes: str, limit: int) -> None:
    # A part map takes some 400 bytes, the labels of a picture 2 kB, a JPEG of noise 5 kB.
    script, out = tmp_path / 'full.py', tmp_path / 'out'
    script.write_text(FULL)

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, str(script), str(out), processes]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', 'PYTHONDONTWRITEBYTECODE': '1'}
    failed = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, preexec_fn=limited)
    assert failed.returncode == 2, failed.stderr
    assert 'Traceback' not in failed.stderr
    assert error_line(failed.stderr).startswith(f'error: file too large in {out}; 0 of 3 pictures are kept')
    assert not list(out.rglob('*.jpg'))
    assert not list(out.rglob('*.part'))
    subprocess.run(command, check=True, env=environment)
    assert len(list(out.rglob('*.jpg'))) == 3
