"""Several processes on one CPU do what one process does."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.optim import AmpOptimWrapper

from posescope.engine.launch import adapt
from posescope.errors import InputError
from tests.drawn_people import write_drawn_coco
from tests.engine.runs import ROOT, logged
from tests.small_config import write_small_config
from tools.test import main as run_test
from tools.train import main as run_train


def launch(script: str, *arguments: object) -> None:
    """Run one of the launch scripts with two processes and two threads altogether."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    environment = {**os.environ, 'PORT': str(port), 'PYTHON': sys.executable, 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(
        [ROOT / 'tools' / script, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope='module')
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five people, so that the two processes share one to make their parts equal."""
    folder = tmp_path_factory.mktemp('five')
    annotations = write_drawn_coco(folder / 'data', num_images=5, people=1)
    # SyncBN, which PyTorch has for GPUs only, has to become BN.
    more = "\nmodel['backbone']['norm_cfg'] = dict(type='SyncBN')"
    return write_small_config(folder / 'small.py', annotations.parent, epochs=2, more=more)


@pytest.mark.long  # six processes, one after the other
def test_two_processes_train_and_test_like_one(config: Path, tmp_path: Path) -> None:
    launch('dist_train.sh', config, 2, '--work-dir', tmp_path / 'two')
    losses = logged(tmp_path / 'two')
    assert sorted(losses) == [1, 2, 3, 4], 'ceil(5 people / 2 processes / batch of 2) = 2 steps an epoch'
    checkpoint = tmp_path / 'two' / 'epoch_2.pth'
    launch('dist_test.sh', config, checkpoint, 2, '--work-dir', tmp_path / 'test2')
    assert run_test([str(config), str(checkpoint), '--work-dir', str(tmp_path / 'test1')]) == 0
    two, one = (json.loads((tmp_path / name / 'metrics.json').read_text()) for name in ('test2', 'test1'))
    assert {key: value for key, value in two.items() if 'AP' in key or 'AR' in key} == {
        key: value for key, value in one.items() if 'AP' in key or 'AR' in key
    }


def test_launcher_without_torchrun_is_explained(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv('RANK', raising=False)
    assert run_train([str(config), '--work-dir', str(tmp_path), '--launcher', 'pytorch']) == 2
    assert 'error: --launcher pytorch is for processes that torchrun started' in capsys.readouterr().err


@pytest.mark.parametrize('script', ['dist_train.sh', 'dist_test.sh'])
def test_scripts_say_how_they_are_used(script: str) -> None:
    done = subprocess.run([ROOT / 'tools' / script], capture_output=True, text=True)
    assert done.returncode == 2
    assert 'usage:' in done.stderr


def test_types_are_known_however_a_config_gives_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('posescope.engine.launch.get_device', lambda: 'cpu')
    for kind in ('CheckpointHook', 'mmengine.CheckpointHook', CheckpointHook):
        cfg = Config({'default_hooks': {}, 'optim_wrapper': {'type': AmpOptimWrapper, 'loss_scale': 'dynamic'}})
        cfg.default_hooks.checkpoint = {'type': kind, 'interval': 2}
        adapt(cfg)
        assert cfg.default_hooks.checkpoint.type == 'mmpose.AtomicCheckpointHook'
        assert cfg.optim_wrapper.type == 'mmpose.AutocastOptimWrapper'


def test_bfloat16_on_a_gpu_is_ours_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """MMPose's heads would hand their maps to NumPy, which has no such numbers; float16 stays MMEngine's."""
    monkeypatch.setattr('posescope.engine.launch.get_device', lambda: 'cuda')
    found = []
    for dtype in ('bfloat16', 'float16'):
        cfg = Config({'optim_wrapper': {'type': 'AmpOptimWrapper', 'dtype': dtype, 'loss_scale': 'dynamic'}})
        adapt(cfg)
        found.append(cfg.optim_wrapper.type)
    assert found == ['mmpose.AutocastOptimWrapper', 'AmpOptimWrapper']


def test_a_launcher_whose_environment_nobody_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('posescope.engine.launch.get_device', lambda: 'cpu')
    monkeypatch.delenv('RANK', raising=False)
    with pytest.raises(InputError, match='--launcher slurm on a CPU: processes talk through'):
        adapt(Config({'launcher': 'slurm', 'optim_wrapper': {}}))
