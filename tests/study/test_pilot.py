import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmpose.registry import MODELS
from torch import nn

from posescope.study import read_study
from posescope.study.pilot import OtherProcess, piloted_seconds, step_seconds
from posescope.study.study_folder import StudyFolder
from posescope.study.survey import survey
from posescope.study.training_steps import training_steps
from tests.conftest import ROOT

PEOPLE = 'data/rendered_people/annotations/train.json'
PIPELINE = [{'type': 'TopdownAffine', 'input_size': (6, 8)}]


@MODELS.register_module()
class SleepyModel(nn.Module):
    """Takes a while for each forward and each backward pass."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds, self.weight, self.shapes = seconds, nn.Parameter(torch.ones(())), []

    def forward(self, inputs: torch.Tensor, samples: None, mode: str) -> dict[str, list[torch.Tensor]]:
        assert mode == 'tensor'
        assert inputs.shape[1:] == (3, 8, 6)
        time.sleep(self.seconds)
        output = self.weight * inputs
        output.register_hook(lambda gradient: time.sleep(self.seconds))
        return {'maps': [output]}


def test_a_step_is_both_passes() -> None:
    content = {
        'model': {'type': 'SleepyModel', 'seconds': 0.05},
        'test_dataloader': {'dataset': {'pipeline': PIPELINE}},
    }
    threads = torch.get_num_threads()
    assert 0.1 <= step_seconds(Config(content), 4, 1) < 0.3
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(('wrapper', 'reduced'), [('OptimWrapper', False), ('AutocastOptimWrapper', True)])
def test_a_step_has_the_precision_of_the_training(monkeypatch: pytest.MonkeyPatch, wrapper: str, reduced: bool) -> None:
    seen = []

    def forward(self: SleepyModel, inputs: torch.Tensor, samples: None, mode: str) -> dict[str, torch.Tensor]:
        seen.append(torch.is_autocast_enabled(get_device().split(':')[0]))
        return {'maps': self.weight * inputs}

    monkeypatch.setattr(SleepyModel, 'forward', forward)
    monkeypatch.setattr('posescope.study.pilot.computes_in_bfloat16', lambda device: True)
    content = {
        'model': {'type': 'SleepyModel', 'seconds': 0},
        'test_dataloader': {'dataset': {'pipeline': PIPELINE}},
        'optim_wrapper': {'type': wrapper},
    }
    step_seconds(Config(content), 2, 1)
    assert set(seen) == {reduced}


@pytest.mark.long
def test_steps_are_timed_in_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a config's own modules are imported too; a model that ends the process ends nothing else."""
    (tmp_path / 'own_model.py').write_text(
        'import os, time, torch\nfrom mmpose.registry import MODELS\n'
        '@MODELS.register_module()\nclass OwnModel(torch.nn.Module):\n'
        '    def __init__(self, ends):\n        super().__init__()\n        self.ends = ends\n'
        '        self.weight = torch.nn.Parameter(torch.ones(()))\n'
        '    def forward(self, inputs, samples, mode):\n'
        '        os._exit(9) if self.ends else time.sleep(0.02)\n        return self.weight * inputs\n'
    )
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    content = {
        'custom_imports': {'imports': ['own_model']},
        'test_dataloader': {'dataset': {'pipeline': PIPELINE}},
    }
    with OtherProcess() as timer:
        assert timer({**content, 'model': {'type': 'OwnModel', 'ends': True}}, 4, 1) is None
        assert timer({**content, 'model': {'type': 'NoSuchModel'}}, 4, 1) is None
        seconds = timer({**content, 'model': {'type': 'OwnModel', 'ends': False}}, 4, 1)
    assert seconds is not None
    assert 0.02 <= seconds < 0.5


@pytest.mark.parametrize('content', ['{"annotations": [{"num_keypoints": 0}, {}, {}]}', '[{}, {"x": 1}]'])
def test_people_of_coco_and_of_a_list_are_counted(tmp_path: Path, content: str) -> None:
    (tmp_path / 'people.json').write_text(content)
    cfg: dict = {'train_cfg': {'max_epochs': 2}, 'train_dataloader': {'batch_size': 1, 'dataset': {}}}
    cfg['train_dataloader']['dataset'] = {'ann_file': str(tmp_path / 'people.json')}
    assert training_steps(cfg) == 2 * 2


@pytest.mark.parametrize('content', ['{', '7', '{"images": []}', None])
def test_annotations_that_cannot_be_read_end_no_study(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / 'people.json').write_text(content)
    cfg: dict = {'train_cfg': {'max_epochs': 2}, 'train_dataloader': {'batch_size': 1, 'dataset': {}}}
    cfg['train_dataloader']['dataset'] = {'ann_file': str(tmp_path / 'people.json')}
    assert training_steps(cfg) is None


def test_steps_are_those_of_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """As mmengine counts them: the rendered default logs 94 steps an epoch."""
    monkeypatch.chdir(ROOT)
    cfg = Config.fromfile('configs/selection/rendered/default.py').to_dict()
    assert training_steps(cfg) == 94 * 16
    cfg['train_dataloader']['dataset']['indices'] = 65
    assert training_steps(cfg) == 3 * 16
    assert training_steps({**cfg, 'train_cfg': {'by_epoch': False, 'max_iters': 7}}) == 7
    assert training_steps({**cfg, 'train_cfg': {}}) is None


def test_a_study_takes_the_steps_of_all_its_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal models are timed once; what cannot be timed takes as long as the usual run; workers share the work."""
    monkeypatch.chdir(ROOT)
    plan = read_study('configs/studies/demo_rendered.py')
    trials = survey(plan, StudyFolder(tmp_path))
    timed = []

    def timer(content: Mapping[str, Any], batch: int, threads: int) -> float | None:
        timed.append((batch, threads))
        return None if 'JointWeightedLoss' in str(content['model']) else 0.5

    steps = [training_steps(trial.config.content) for trial in trials]
    total = 0.5 * (steps[0] + steps[1]) + 0.5 * (steps[0] + steps[1]) / 2
    assert piloted_seconds(plan, trials, 1, 2, timer) == pytest.approx(total)
    assert timed == [(32, 2)] * 2
    assert piloted_seconds(plan, trials, 2, 1, timer) == pytest.approx(total / 2)
    assert piloted_seconds(plan, trials[2:], 1, 1, timer) is None
