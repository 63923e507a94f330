"""A plain MMPose config gives MMPose's numbers in our tools."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mmpose
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from tests.engine.runs import logged
from tests.small_config import write_small_config
from tools.test import main as run_test
from tools.train import main as run_train

# What is left of the augmentation draws nothing: order of samples, initial weights and every step are MMPose's own.
FIXED = "\ntrain_dataloader['dataset']['pipeline'] = [*train_pipeline[:2], *train_pipeline[5:]]"


@pytest.mark.parametrize('num_workers', [0, pytest.param(2, marks=pytest.mark.long)])
def test_training_losses_are_those_of_mmengines_runner(tmp_path: Path, drawn_coco: Path, num_workers: int) -> None:
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, epochs=2, num_workers=num_workers, more=FIXED)
    assert run_train([str(config), '--work-dir', str(tmp_path / 'ours')]) == 0
    cfg = Config.fromfile(config)
    cfg.work_dir = str(tmp_path / 'theirs')
    cfg.visualizer.name = 'theirs'
    Runner.from_cfg(cfg).train()
    assert logged(tmp_path / 'ours') == logged(tmp_path / 'theirs')


def test_metrics_are_those_of_mmposes_script(tmp_path: Path, drawn_coco: Path) -> None:
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, epochs=1)
    assert run_train([str(config), '--work-dir', str(tmp_path / 'run')]) == 0
    arguments = [str(config), str(tmp_path / 'run' / 'epoch_1.pth')]
    assert run_test([*arguments, '--work-dir', str(tmp_path / 'ours'), '--out', str(tmp_path / 'ours.json')]) == 0
    script = Path(mmpose.__file__).parent / '.mim' / 'tools' / 'test.py'
    command = [sys.executable, script, *arguments, '--work-dir', tmp_path / 'theirs', '--out', tmp_path / 'theirs.json']
    # MMPose's script knows nothing of posescope; `custom_imports` in the config has to be enough.
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, 'OMP_NUM_THREADS': '1'})
    ours, theirs = (json.loads((tmp_path / name).read_text()) for name in ('ours.json', 'theirs.json'))
    expected = {name: value for name, value in theirs.items() if name.startswith('coco/')}
    assert len(expected) == 10
    assert {name: ours[name] for name in expected} == expected
