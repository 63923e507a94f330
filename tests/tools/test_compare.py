"""tools/compare.py on files of simulated models."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import tools.compare
from posescope.evaluation.comparison import compare_models
from posescope.evaluation.matches_file import load_matches, save_matches
from tests.evaluation.simulated_matches import simulate
from tools.compare import main


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs ``good0`` … ``good4`` and ``bad0`` … ``bad4`` on 80 pictures; ``few`` on four."""
    folder = tmp_path_factory.mktemp('runs')
    generator = np.random.default_rng(1)
    skills = {f'{kind}{i}': skill for kind, skill in (('good', 2.0), ('bad', 1.0)) for i in range(5)}
    models = simulate(np.random.default_rng(0), 80, list(skills.values()), runs=generator)
    for name, matches in zip(skills, models, strict=True):
        save_matches(folder / f'{name}.npz', matches, {})
    save_matches(folder / 'few.npz', simulate(np.random.default_rng(0), 4)[0], {})
    return folder


def files(folder: Path, kind: str, count: int = 5) -> list[str]:
    return [str(folder / f'{kind}{i}.npz') for i in range(count)]


def test_two_models(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = files(folder, 'good', 1), files(folder, 'bad', 1)
    out = tmp_path / 'new' / 'comparison.json'
    assert main([*good, '--with', *bad, '--name', 'bad', '--resamples', '100', '--out', str(out)]) == 0
    printed = capsys.readouterr().out
    expected = compare_models(*(load_matches(Path(path)).matches for (path,) in (good, bad)), resamples=100)
    content = json.loads(out.read_text())
    assert len(content['comparisons']) == 10
    for one, written in zip(expected, content['comparisons'], strict=True):
        assert {name: written[name] for name in ('statistic', 'delta', 'low', 'high', 'p')} == {
            name: getattr(one, name) for name in ('statistic', 'delta', 'low', 'high', 'p')
        }
        assert written['control'] == bad
    assert content['comparisons'][0]['verdict'] == 'better'
    assert {one['verdict'] for one in content['comparisons'][1:]} == {'not declared'}
    assert f'{expected[0].low:+.4f} to {expected[0].high:+.4f}' in printed
    assert 'better' in printed
    assert 'one on ways of training takes 5 seeds each' in printed


def test_two_controls_and_seeds(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / 'comparison.json'
    options = ['--with', *files(folder, 'bad'), '--with', *files(folder, 'bad', 3), '--name', 'all', '--name', 'three']
    options += ['--resamples', '100', '--declare', 'AP', '--declare', 'AR', '--out', str(out)]
    assert main([*files(folder, 'good'), *options]) == 0
    found = {(one['name'], one['statistic']): one for one in json.loads(out.read_text())['comparisons']}
    assert len(found) == 20
    assert found['all', 'AP']['verdict'] == found['all', 'AR']['verdict'] == 'better'
    assert found['all', 'AP']['seeds'] == [5, 5]
    assert found['all', 'AP']['p'] < found['all', 'AP']['p_holm'] < 4.001 * found['all', 'AP']['p']
    assert found['three', 'AP']['verdict'] == 'no claim: fewer than 5 seeds'
    assert 'corrected for 4 declared comparisons' in capsys.readouterr().out


def test_scenes(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    units = tmp_path / 'units.json'
    units.write_text(json.dumps({str(i): i // 2 for i in range(80)}))
    pair = [*files(folder, 'good', 1), '--with', *files(folder, 'bad', 1), '--resamples', '100']
    assert main([*pair, '--units', str(units)]) == 0
    out = capsys.readouterr().out
    assert ': 38 images or scenes with people, ' in out
    assert 'no claim: fewer than 50' in out
    units.write_text(json.dumps({str(i): i // 2 for i in range(79)}))
    assert main([*pair, '--units', str(units)]) == 2
    assert capsys.readouterr().err == f'error: {units} lacks image 79 (1 of 80 images)\n'


def test_bad_input(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = files(folder, 'good', 1)[0], files(folder, 'bad', 1)[0]
    broken = tmp_path / 'broken.npz'
    broken.write_bytes(b'nothing')
    other = tmp_path / 'other.npz'
    matches = load_matches(Path(bad)).matches
    save_matches(other, dataclasses.replace(matches, thresholds=np.array([0.5, 0.8])), {})
    cases = {
        f'{broken}: damaged, or not a file of matches (matches.npz)': [good, '--with', str(broken)],
        f'{tmp_path / "no.npz"}: No such file or directory': [good, '--with', str(tmp_path / 'no.npz')],
        f'{good} and {folder / "few.npz"} cannot be compared: image ': [good, '--with', str(folder / 'few.npz')],
        f'{good} and {other} cannot be compared: thresholds': [good, '--with', bad, '--with', str(other)],
        '--declare AP(M): nearest statistics are AP (M)': [good, '--with', bad, '--declare', 'AP(M)'],
        '--name: 1 names for 2 comparisons': [good, '--with', bad, '--with', bad, '--name', 'x'],
        '--margin 0.0: ': [good, '--with', bad, '--margin', '0'],
        '--margin nan: ': [good, '--with', bad, '--margin', 'nan'],
        '--margin inf: ': [good, '--with', bad, '--margin', 'inf'],
        '--resamples 10: ': [good, '--with', bad, '--resamples', '10'],
        '--paired-seeds takes as many files on either side, not 2 and 1': [good, bad, '--with', bad, '--paired-seeds'],
    }
    out = tmp_path / 'out.json'
    for message, options in cases.items():
        assert main([*options, '--out', str(out)]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f'error: {message}')
        assert error.count('\n') == 1
    assert not out.exists()


def test_the_file_is_whole_before_anything_is_shown(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the terminal goes away while a table is printed."""

    def fail(*_: object) -> None:
        raise RuntimeError('no terminal')

    monkeypatch.setattr(tools.compare, 'table', fail)
    pair = [*files(folder, 'good', 1), '--with', *files(folder, 'bad', 1), '--resamples', '100']
    out = tmp_path / 'out.json'
    with pytest.raises(RuntimeError, match='no terminal'):
        main([*pair, '--out', str(out)])
    assert len(json.loads(out.read_text())['comparisons']) == 10


def test_other_measures_are_refused(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = (load_matches(Path(files(folder, kind, 1)[0])).matches for kind in ('good', 'bad'))
    one, other = tmp_path / 'one.npz', tmp_path / 'other.npz'
    save_matches(one, good, {}, {'sigmas': [0.026, 0.079]})
    save_matches(other, bad, {}, {'sigmas': [0.026, 0.05]})
    assert main([str(one), '--with', str(other), '--resamples', '100']) == 2
    expected = f'error: {one} and {other} cannot be compared: sigmas of joint 1 are 0.079 and 0.05\n'
    assert capsys.readouterr().err == expected


def test_a_test_given_twice_is_not_two_seeds(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = next(folder.glob('*.npz'))
    shutil.copy(path, tmp_path / 'copy.npz')
    for twice in (path, tmp_path / 'copy.npz'):
        assert main([str(path), str(twice), '--with', str(path)]) == 2
        assert 'are the same test: each seed is given once' in capsys.readouterr().err


def test_names_with_brackets(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = [*files(folder, 'good', 1), '--with', *files(folder, 'bad', 1), '--resamples', '100']
    assert main([*pair, '--name', 'lr [bold]1e-3[/nothing]']) == 0
    printed = ' '.join(capsys.readouterr().out.split())
    assert 'against lr [bold]1e-3[/nothing]: ' in printed
    assert 'lr [bold]1e-3[/nothing]: a verdict holds' in printed
