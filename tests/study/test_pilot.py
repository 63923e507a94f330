import time
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS
from torch import nn

from posescope.study import pilot, read_study
from posescope.study.pilot import piloted_seconds, step_seconds
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

    def timing(cfg: Config, batch: int, threads: int) -> float:
        timed.append((batch, threads))
        if 'JointWeightedLoss' in str(cfg.model):
            raise ValueError('cannot be built')
        return 0.5

    monkeypatch.setattr(pilot, 'step_seconds', timing)
    steps = [training_steps(trial.config.content) for trial in trials]
    total = 0.5 * (steps[0] + steps[1]) + 0.5 * (steps[0] + steps[1]) / 2
    assert piloted_seconds(plan, trials, 1, 2) == pytest.approx(total)
    assert timed == [(32, 2)] * 2
    assert piloted_seconds(plan, trials, 2, 1) == pytest.approx(total / 2)
    assert piloted_seconds(plan, trials[2:], 1, 1) is None
