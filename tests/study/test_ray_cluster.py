"""Trials on Ray clusters of several processes on this machine."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from posescope.errors import InputError
from posescope.study.engines.ray_cluster import RayEngine
from tests.conftest import ROOT
from tests.study.small_study import SmallStudy, started

pytestmark = pytest.mark.long


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'ray', None)
    with pytest.raises(InputError, match=r"pip install 'posescope\[ray\]'"):
        RayEngine()


def content_of(small: SmallStudy, **model: object) -> dict:
    small.save_matches({1.0: 2, 2.0: 2})
    runs = [
        {'name': 'base', 'config': small.config('base', 1.0, **model), 'seeds': [0]},
        {'name': 'nothing', 'config': small.config('nothing', 1.0, **model), 'start': 'base'},
        {'name': 'changed', 'config': small.config('changed', 2.0, **model), 'start': 'base', 'controls': ['nothing']},
        {'name': 'broken', 'config': small.config('broken', 3.0, broken=True)},
    ]
    return small.content(runs, seeds=[0, 1])


def test_the_same_results_as_on_one_machine(small: SmallStudy) -> None:
    pytest.importorskip('ray')
    content = content_of(small)
    expected = small.run(content, 'local')
    study = small.study(content, 'cluster')
    with RayEngine(workers=2) as engine:
        study.carry_out(engine)
    study.measure_costs()
    assert study.put_together() == expected
    assert (small.folder / 'local/study.json').read_bytes() == (small.folder / 'cluster/study.json').read_bytes()


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[subprocess.Popen, str]]:
    """The head of a cluster with a token of its own, and its address."""
    monkeypatch.setenv('RAY_AUTH_MODE', 'token')
    monkeypatch.setenv('RAY_AUTH_TOKEN', secrets.token_hex(32))
    options = ['--head', '--port=0', '--num-cpus=2', '--include-dashboard=false', '--block']
    command = [str(Path(sys.executable).with_name('ray')), 'start', *options]
    # A session of its own, so that all of its processes can be ended together.
    head = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        yield head, next(line.split("'")[1] for line in head.stdout if "--address='" in line)
    finally:
        end(head)


def end(head: subprocess.Popen) -> None:
    """Kill a cluster's head with everything that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(head.pid, signal.SIGKILL)
    head.wait()


@pytest.mark.crash
def test_a_cluster_that_goes_away(small: SmallStudy, request: pytest.FixtureRequest) -> None:
    """One line, status 2, and what was finished stays finished."""
    pytest.importorskip('ray')
    head, address = request.getfixturevalue('head')
    content = content_of(small, pause=0.5)
    (small.folder / 'small.py').write_text(f'study = {content!r}\n')
    work = small.folder / 'work'
    options = [str(small.folder / 'small.py'), '--work-dir', str(work), '--engine', 'ray', '--ray-address', address]
    driver = subprocess.Popen(
        [sys.executable, '-m', 'tests.study.drive_study', *options], stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    while not list(work.glob('runs/*/seed*/train/epoch_1.pth'))[1:]:
        assert driver.poll() is None
        time.sleep(0.05)
    end(head)
    _, errors = driver.communicate(timeout=60)
    assert driver.returncode == 2, errors
    named = [line for line in errors.splitlines() if line.startswith('error: ')]
    assert len(named) == 1
    assert named[0].startswith('error: the Ray cluster ')
    assert named[0].endswith('the records are intact, --resume goes on')
    assert 'Traceback' not in errors
    found = small.run(content)
    finished = [run['name'] for run in found['runs'] if run['status'] == 'finished']
    assert sorted(finished) == ['base', 'changed', 'changed', 'nothing', 'nothing']
    assert started(work / 'runs/base/seed0', 'train') == 1


def test_no_cluster_at_the_address(small: SmallStudy) -> None:
    pytest.importorskip('ray')
    with pytest.raises(InputError, match=r'no Ray cluster answers at 127\.0\.0\.1:1'), RayEngine('127.0.0.1:1'):
        pass


@pytest.mark.crash
def test_threads_are_those_of_the_study_and_have_to_fit_somewhere(
    small: SmallStudy, request: pytest.FixtureRequest
) -> None:
    """In a process of its own, which has never been part of another cluster."""
    pytest.importorskip('ray')
    assert RayEngine(workers=2, threads=1).threads == 1
    _, address = request.getfixturevalue('head')
    (small.folder / 'small.py').write_text(f'study = {content_of(small) | {"threads": 3}!r}\n')
    options = [str(small.folder / 'small.py'), '--work-dir', str(small.folder / 'work'), '--engine', 'ray']
    command = [sys.executable, '-m', 'tests.study.drive_study', *options, '--ray-address', address]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 2, done.stderr
    assert 'a trial takes 3 threads, and the largest machine of the Ray cluster has 2 CPUs' in done.stderr
