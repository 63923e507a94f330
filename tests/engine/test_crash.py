"""Kills and full disks in the middle of real training processes."""

import functools
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.runs import ROOT, logged, start
from tests.small_config import write_small_config

INFINITE = "dict(type='InfiniteSampler', shuffle=True)"
pytestmark = pytest.mark.crash


def wait_for(path: Path, process: subprocess.Popen, logs: int = 0, seconds: float = 120) -> None:
    """Wait until a file is there, or until a work dir has logs of so many runs: the last one is training."""
    deadline = time.monotonic() + seconds
    while not path.exists() or len(list(path.glob('*/vis_data/scalars.json'))) < logs:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, f'{path} did not appear'
        time.sleep(0.01)


def finish(config: Path, work_dir: Path, *options: str) -> None:
    process = start('train.py', config, '--work-dir', work_dir, *options)
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0, output


LOOPS: dict[str, dict] = {
    'epoch': {'epochs': 20},
    'iter': {'iterations': 80, 'checkpoint_interval': 5, 'val_interval': 10, 'sampler': INFINITE},
}
ENDS = {'epoch': ('epoch_1.pth', 'epoch_20.pth'), 'iter': ('iter_5.pth', 'iter_80.pth')}
"""The first and the last checkpoint."""


@pytest.fixture(scope='module')
def undisturbed(tmp_path_factory: pytest.TempPathFactory, drawn_coco: Path) -> Callable[[str], dict[int, float]]:
    """The losses of a loop that nothing disturbs; the number of workers does not change them."""

    @functools.cache
    def losses(loop: str) -> dict[int, float]:
        folder = tmp_path_factory.mktemp(loop)
        finish(write_small_config(folder / 'small.py', drawn_coco.parent, **LOOPS[loop]), folder / 'whole')
        return logged(folder / 'whole')

    return losses


@pytest.mark.parametrize('num_workers', [0, 2])
@pytest.mark.parametrize('loop', LOOPS)
@pytest.mark.parametrize('how', [signal.SIGKILL, signal.SIGINT], ids=['kill', 'interrupt'])
def test_killed_runs_go_on_as_if_undisturbed(
    tmp_path: Path,
    drawn_coco: Path,
    undisturbed: Callable[[str], dict[int, float]],
    loop: str,
    num_workers: int,
    how: signal.Signals,
) -> None:
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, num_workers=num_workers, **LOOPS[loop])
    first, last = ENDS[loop]
    work_dir, generator = tmp_path / 'killed', random.Random(f'{loop}{num_workers}{how}')
    process = start('train.py', config, '--work-dir', work_dir)
    for attempt in range(2):
        if (work_dir / last).exists():  # it was quicker than the signal, and will have nothing to log
            break
        wait_for(work_dir, process, logs=attempt + 1)
        wait_for(work_dir / first, process)
        time.sleep(generator.uniform(0, 1.5))
        if process.poll() is None:
            if how == signal.SIGKILL:
                os.killpg(process.pid, how)
            else:
                process.send_signal(how)
        output = process.communicate(timeout=60)[0]
        if how == signal.SIGINT and not (work_dir / last).exists():
            assert process.returncode == 130, output
            assert output.count('error: interrupted') == 1
        process = start('train.py', config, '--work-dir', work_dir, '--resume')
    process.communicate(timeout=300)
    assert process.returncode == 0
    assert (work_dir / last).exists()
    assert logged(work_dir) == undisturbed(loop)


def test_a_file_that_cannot_grow_leaves_the_previous_checkpoint(tmp_path: Path, drawn_coco: Path) -> None:
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, epochs=2)
    finish(config, tmp_path / 'run', '--cfg-options', 'train_cfg.max_epochs=1')
    size = (tmp_path / 'run' / 'epoch_1.pth').stat().st_size

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

    command = [sys.executable, ROOT / 'tools' / 'train.py', config, '--work-dir', tmp_path / 'run', '--resume']
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit)
    assert done.returncode == 2
    assert 'error: file too large' in done.stderr
    assert 'epoch_1.pth is intact' in done.stderr
    assert 'Traceback' not in done.stderr
    assert sorted(path.name for path in (tmp_path / 'run').glob('*.pth*')) == ['epoch_1.pth']
    finish(config, tmp_path / 'run', '--resume')
    assert (tmp_path / 'run' / 'epoch_2.pth').exists()
