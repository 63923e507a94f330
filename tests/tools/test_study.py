"""tools/study.py with fake programs; test_real_study.py has the real ones."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tools.study
from posescope.study import Commands
from tests.conftest import ROOT
from tests.study.small_study import COMMANDS, SmallStudy, started
from tools.study import main


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallStudy:
    """A folder for studies of fake programs, which the tool uses."""
    monkeypatch.setattr(Commands, 'of_tools', lambda folder: COMMANDS)
    return SmallStudy(tmp_path)


def written(small: SmallStudy, **more: object) -> list[str]:
    """A study file with two runs, and where it goes."""
    runs = [
        {'name': 'nothing', 'config': small.config('nothing', 1.0)},
        {'name': 'changed', 'config': small.config('changed', 2.0), 'controls': ['nothing'], 'note': 'A try.'},
    ]
    content = small.content(runs, seeds=[0, 1], title='Does it help?', **more)
    (small.folder / 'study.py').write_text(f'study = {content!r}\n')
    return [str(small.folder / 'study.py'), '--work-dir', str(small.folder / 'work')]


def test_a_study_says_what_it_does_and_what_it_found(small: SmallStudy, capsys: pytest.CaptureFixture) -> None:
    small.save_matches({1.0: 2, 2.0: 2})
    options = written(small, noise={'seeds': 0.01, 'images': 0.01}, calibrate=True, cost=True)
    assert main([*options, '--dry-run']) == 0
    before = capsys.readouterr().out
    assert 'Does it help?' in before
    assert 'Expected time: unknown until the first run has ended.' in before
    assert 'Least detectable difference of changed against nothing (80 % power): 0.0' in before
    assert not (small.folder / 'work').exists()
    assert main(options) == 0
    shown = capsys.readouterr()
    found = json.loads((small.folder / 'work/study.json').read_text())
    delta = found['comparisons'][0]['delta_ap']
    assert f'changed against nothing: coco/AP {delta:+.4f}' in shown.out
    assert 'no claim: fewer than 5 seeds' in shown.out
    assert 'best on dev: changed' in shown.out
    assert 'changed seed 1: coco/AP on dev 0.5' in shown.err
    assert ' left' in shown.err
    text = (small.folder / 'work/study.md').read_text()
    for figure in ('forest', 'costs', 'error_budgets', 'calibration'):
        assert (small.folder / f'work/figures/{figure}.png').stat().st_size > 5000
        assert f'(figures/{figure}.png)' in text
    assert 'changed: A try.' in text
    assert '| changed | 2 | 0.5' in text
    assert '| 2.00 | 0.100 | 2.5 | 80 |' in text


def test_another_study_is_refused_in_the_same_folder(small: SmallStudy, capsys: pytest.CaptureFixture) -> None:
    options = written(small)
    assert main(options) == 0
    before = (small.folder / 'work/study.json').read_text()
    written(small, name='other')
    assert main([*options, '--resume']) == 2
    assert 'holds study small, not other: give --work-dir another folder' in capsys.readouterr().err
    assert (small.folder / 'work/study.json').read_text() == before


def test_resume_goes_on_and_nothing_is_overwritten(small: SmallStudy, capsys: pytest.CaptureFixture) -> None:
    options = written(small)
    assert main([*options, '--only', 'nothing:0']) == 0
    assert not (small.folder / 'work/study.json').exists()
    capsys.readouterr()
    assert main(options) == 2
    assert 'holds a study already: --resume goes on' in capsys.readouterr().err
    assert main([*options, '--resume']) == 0
    assert 'for 3 trainings and tests' in capsys.readouterr().out
    assert main([*options, '--resume']) == 0
    assert 'Nothing is left to run.' in capsys.readouterr().out
    assert started(small.folder / 'work/runs/nothing/seed0', 'train') == 1
    assert main([*options, '--redo', 'nothing']) == 0
    assert started(small.folder / 'work/runs/nothing/seed0', 'train') == 1, 'its log began anew'
    for more in (['--dry-run'], ['--workers', '0'], ['--only', 'nobody']):
        main([*options, '--redo', 'changed', *more])
    record = json.loads((small.folder / 'work/runs/changed/seed0/record.json').read_text())
    assert record['stages']['train']['attempts'] == 1


def test_a_failed_run_is_said_at_the_end(small: SmallStudy, capsys: pytest.CaptureFixture) -> None:
    options = written(small)
    small.config('nothing', 1.0, broken=True)
    assert main(options) == 1
    error = capsys.readouterr().err
    assert error.splitlines()[-2:] == [
        f'nothing seed {seed} failed: train: the loss is not finite at iteration 3' for seed in (0, 1)
    ]
    found = json.loads((small.folder / 'work/study.json').read_text())
    assert [run['status'] for run in found['runs']] == ['failed', 'failed', 'finished', 'finished']
    assert main([*options, '--resume', '--only', 'changed']) == 0
    assert main([*options, '--resume', '--only', 'nothing']) == 1


def test_what_a_run_failed_with_is_printed_as_it_is(small: SmallStudy, capsys: pytest.CaptureFixture) -> None:
    """Square brackets are no markup; [/b] would end what was never begun."""
    options = written(small)
    study = small.folder / 'study.py'
    study.write_text(study.read_text().replace('Does it help?', 'Is [b] better than [/a]?'))
    (small.folder / 'nothing.py').write_text('raise ValueError("cannot read [/data/x] of [bold]one[/bold]")\n')
    assert main(options) == 1
    shown = capsys.readouterr()
    assert 'cannot read [/data/x] of [bold]one[/bold]' in shown.err
    assert 'Is [b] better than [/a]?' in shown.out
    found = json.loads((small.folder / 'work/study.json').read_text())
    assert [run['status'] for run in found['runs']] == ['failed', 'failed', 'finished', 'finished']


def test_a_dry_run_writes_no_jobs(small: SmallStudy) -> None:
    assert main([*written(small), '--dry-run', '--emit', 'jobs']) == 0
    assert not (small.folder / 'work').exists()


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        (['--only', 'nothin'], '--only nothin: the study has no such run (nearest: nothing:'),
        (['--only', 'nothing:7'], '--only nothing:7: the study has no such run'),
        (['--redo', 'changd'], '--redo changd: the study has no such run (nearest: changed'),
        (['--workers', '0'], '--workers 0: it takes at least one'),
        (['--ray-address', 'auto'], '--ray-address is for --engine ray'),
    ],
)
def test_bad_options_are_one_line(
    small: SmallStudy, more: list[str], message: str, capsys: pytest.CaptureFixture
) -> None:
    assert main([*written(small), *more]) == 2
    error = capsys.readouterr().err
    assert error.count('\n') == 1
    assert message in error
    assert not list((small.folder).glob('work/runs/*/seed*/record.json'))


def test_a_criterion_that_nobody_reports_is_found_at_the_end(small: SmallStudy, capsys: pytest.CaptureFixture) -> None:
    options = written(small, criterion='oks/meen')
    assert main(options) == 2
    assert 'no run reports criterion oks/meen (nearest: oks/mean' in capsys.readouterr().err.splitlines()[-1]
    assert main([*written(small, criterion='oks/mean'), '--resume']) == 0
    assert started(small.folder / 'work/runs/nothing/seed0', 'train') == 1


@pytest.mark.crash
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_stops_its_programs(small: SmallStudy, number: signal.Signals) -> None:
    options = written(small)
    small.config('nothing', 1.0, pause=60)
    tool = subprocess.Popen(
        [sys.executable, '-m', 'tests.study.drive_study', *options], stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    log = small.folder / 'work/runs/nothing/seed0/run.log'
    while not log.is_file():
        assert tool.poll() is None
        time.sleep(0.05)
    os.kill(tool.pid, number)
    _, error = tool.communicate(timeout=20)
    assert tool.returncode == 130
    assert error.splitlines()[-1] == 'error: interrupted; --resume goes on from the last checkpoint'
    record = json.loads(log.with_name('record.json').read_text())
    assert record['status'] == 'running'


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of eight cores without a GPU, on which nobody has said how many threads there are."""
    monkeypatch.setattr('posescope.study.host.available_cores', lambda: 8)
    monkeypatch.setattr('torch.cuda.device_count', lambda: 0)
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)


@pytest.mark.usefixtures('eight_cores')
@pytest.mark.parametrize(
    ('more', 'options', 'line'),
    [
        ({}, [], '1 at a time, each with 8 threads.'),
        ({}, ['--workers', '2'], '2 at a time, each with 4 threads.'),
        ({'threads': 3}, [], '2 at a time, each with 3 threads.'),
        ({'threads': 1}, [], '4 at a time, each with 1 thread.'),  # which is all that there are
        ({'threads': 1}, ['--workers', '3'], '3 at a time, each with 1 thread.'),
    ],
)
def test_workers_fill_the_machine_if_the_study_sets_threads(
    small: SmallStudy, more: dict, options: list[str], line: str, capsys: pytest.CaptureFixture
) -> None:
    assert main([*written(small, **more), '--dry-run', *options]) == 0
    assert line in capsys.readouterr().out.splitlines()


@pytest.mark.usefixtures('eight_cores')
def test_energy_is_metered_if_one_runs_at_a_time(small: SmallStudy) -> None:
    def metered(*options: str, **more: object) -> bool:
        arguments = [*written(small, **more), *options]
        args = tools.study.main_parser().parse_args(arguments)
        plan = tools.study.read_study(args.study)
        args.workers = tools.study.count_workers(args, plan)
        return tools.study.make_engine(args, plan)._children._metered

    assert metered()
    assert metered(threads=8)
    assert not metered(threads=1)
    assert metered('--workers', '1', threads=1)
    assert not metered('--only', 'nothing:0', threads=1)


@pytest.mark.usefixtures('eight_cores')
def test_a_study_goes_on_with_the_threads_that_it_had(small: SmallStudy, capsys: pytest.CaptureFixture) -> None:
    def threads() -> list[int]:
        paths = sorted(small.folder.glob('work/runs/*/seed*/record.json'))
        return [json.loads(path.read_text())['host']['threads'] for path in paths]

    options = written(small)
    assert main([*options, '--only', 'nothing:0', '--workers', '4']) == 0
    assert threads() == [2]
    capsys.readouterr()
    assert main([*options, '--resume', '--only', 'nothing:1']) == 0
    error = capsys.readouterr().err
    assert 'Earlier runs of this study had 2 threads, this has 8: the last digits will differ.' in error.splitlines()
    assert threads() == [2, 8], 'a job has what its queue gave it'
    assert main([*options, '--resume', '--redo', 'nothing', '--only', 'nothing', '--workers', '4']) == 0
    capsys.readouterr()
    assert main([*options, '--resume']) == 0
    said = 'Each run gets 2 threads, as earlier ones of this study had; this machine would give 8.'
    assert said in capsys.readouterr().out.splitlines()
    assert threads() == [2, 2, 2, 2]


@pytest.mark.usefixtures('eight_cores')
def test_a_mixture_of_threads_is_said_and_a_study_that_sets_them_keeps_its_own(
    small: SmallStudy, capsys: pytest.CaptureFixture
) -> None:
    options = written(small)
    for name, workers in (('nothing:0', '2'), ('nothing:1', '8')):
        assert main([*options, '--resume', '--only', name, '--workers', workers]) == 0
    capsys.readouterr()
    assert main([*written(small, threads=5), '--resume', '--dry-run']) == 0
    shown = capsys.readouterr().out
    assert 'Runs had different numbers of threads (1 for 1 of them; 4 for nothing seed 0): ' in shown
    assert '1 at a time, each with 5 threads.' in shown
