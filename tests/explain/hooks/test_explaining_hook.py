"""When hooks explain, with which weights, and what they cannot spoil."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmpose.registry import MODELS

from posescope.engine.config import load_config
from posescope.engine.launch import adapt
from posescope.explain.hooks.attribution_hook import AttributionHook
from posescope.explain.hooks.explaining_hook import ExplainingHook
from posescope.explain.pose_function import PoseFunction
from tests.capture.model_runs import QuickConfig
from tests.drawn_people import write_drawn_coco
from tests.small_config import write_small_config
from tools.test import main as run_test


class Weights(ExplainingHook):
    """Keeps the weights that it is to explain."""

    def __init__(self) -> None:
        super().__init__(interval=1)
        self.checked = 0
        self.seen: dict[int, dict[str, torch.Tensor]] = {}

    def check(self, runner: Runner, function: PoseFunction, dataset: Any, training: bool) -> None:
        assert training
        self.checked += 1

    def explain(self, runner: Runner, function: PoseFunction, dataset: Any, epoch: int | None) -> None:
        assert epoch is not None
        self.seen[epoch] = {name: value.clone() for name, value in function.model.named_parameters()}


@pytest.mark.parametrize('averaged', [True, False])
def test_a_training_explains_the_weights_that_it_saves(tmp_path: Path, averaged: bool) -> None:
    drawn = write_drawn_coco(tmp_path / 'data', num_images=2)
    more = "\ncustom_hooks = [dict(type='EMAHook', momentum=0.3)]\n" if averaged else ''
    path = write_small_config(tmp_path / 'config.py', drawn.parent, epochs=2, val_interval=9, more=more)
    config = QuickConfig(Config.fromfile(path).to_dict())
    config.update(work_dir=str(tmp_path), log_level='ERROR', experiment_name=f'averaged_{averaged}')
    adapt(config)
    runner = Runner.from_cfg(config)
    hook = Weights()
    runner.register_hook(hook)
    runner.train()
    assert hook.checked == 1
    for epoch, seen in hook.seen.items():
        saved = torch.load(tmp_path / f'epoch_{epoch}.pth')
        learnt = saved['ema_state_dict' if averaged else 'state_dict']
        assert all(torch.equal(value, saved['state_dict'][name]) for name, value in seen.items())
        same = [torch.equal(value, learnt[('module.' if averaged else '') + name]) for name, value in seen.items()]
        assert any(same) != averaged
    assert sorted(hook.seen) == [1, 2]


def test_an_explanation_that_fails_late_costs_no_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = write_drawn_coco(tmp_path / 'data', num_images=2, people=1)
    more = "\ncustom_hooks = [dict(type='AttributionHook', people=1)]\n"
    config = write_small_config(tmp_path / 'config.py', drawn.parent, more=more)
    torch.save(
        {'state_dict': MODELS.build(load_config(str(config)).model).state_dict(), 'meta': {}}, tmp_path / 'a.pth'
    )

    def fail(*args: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(AttributionHook, 'explain', fail)
    out = tmp_path / 'out.json'
    with pytest.raises(ZeroDivisionError):
        run_test([str(config), str(tmp_path / 'a.pth'), '--work-dir', str(tmp_path / 'run'), '--out', str(out)])
    for path in (tmp_path / 'run' / 'metrics.json', out):
        assert 'coco/AP' in json.loads(path.read_text())
