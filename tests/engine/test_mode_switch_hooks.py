"""Hooks that change a training at an epoch do so after a resume as well, and otherwise as MMPose's own do."""

from types import SimpleNamespace

import pytest
from mmengine.config import ConfigDict
from mmengine.runner import Runner
from mmpose.engine.hooks.mode_switch_hooks import RTMOModeSwitchHook, YOLOXPoseModeSwitchHook
from torch import nn

from posescope.engine.batch_resize_hook import BatchResizeHook
from posescope.engine.mode_switch_hooks import ResumableModeSwitchHook, ResumableRTMOModeSwitchHook

EPOCHS = 6


class _Head(nn.Module):
    use_aux_loss = False
    weight = 0


def runner_at(epoch: int, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What the hooks look at of a runner; building a loader is noted instead of done."""
    model = nn.Module()
    model.head = _Head()
    runner = SimpleNamespace(
        model=model,
        epoch=epoch,
        max_epochs=EPOCHS,
        seed=0,
        loaders=[],
        train_loop=SimpleNamespace(dataloader=None),
        logger=SimpleNamespace(info=lambda text: None),
        cfg=SimpleNamespace(train_dataloader=ConfigDict(dataset=dict(pipeline='old'), sampler=dict(type='S'))),
    )
    runner.build_dataloader = lambda loader, seed=None: runner.loaders.append(loader) or loader
    monkeypatch.setattr(Runner, 'build_dataloader', staticmethod(runner.build_dataloader))
    return runner


def run_through(hook: object, start: int, monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """What holds in each epoch from ``start`` on: loss, number of loaders built, pipeline, weight of the head."""
    runner = runner_at(start, monkeypatch)
    if start and hasattr(hook, 'catch_up'):
        hook.catch_up(runner)
    states = []
    for epoch in range(start, EPOCHS):
        runner.epoch = epoch
        hook.before_train_epoch(runner)
        states.append((runner.model.head.use_aux_loss, len(runner.loaders), runner.model.head.weight))
    return states


@pytest.mark.parametrize('last', [0, 1, 2, 5, 6, 20])
def test_pipeline_is_switched_when_mmposes_hook_switches_it(last: int, monkeypatch: pytest.MonkeyPatch) -> None:
    options = dict(num_last_epochs=last, new_train_pipeline='new')
    expected = run_through(YOLOXPoseModeSwitchHook(**options), 0, monkeypatch)
    assert run_through(ResumableModeSwitchHook(**options), 0, monkeypatch) == expected
    for start in range(1, EPOCHS):
        assert run_through(ResumableModeSwitchHook(**options), start, monkeypatch) == expected[start:]


def test_switched_data_are_seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = runner_at(EPOCHS - 1, monkeypatch)
    ResumableModeSwitchHook(num_last_epochs=2, new_train_pipeline='new').catch_up(runner)
    (loader,) = runner.loaders
    assert loader['dataset']['type'].__name__ == 'SeededDataset'
    assert loader['dataset']['dataset']['pipeline'] == 'new'
    assert loader['sampler']['type'].__name__ == 'SeededSampler'


def test_head_has_the_attributes_of_its_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    attributes = {2: {'weight': 1}, 4: {'weight': 2}}
    expected = run_through(RTMOModeSwitchHook(attributes), 0, monkeypatch)
    assert [state[2] for state in expected] == [0, 0, 1, 1, 2, 2]
    for start in range(EPOCHS):
        assert run_through(ResumableRTMOModeSwitchHook(attributes), start, monkeypatch) == expected[start:]


def test_drawn_size_is_part_of_the_checkpoint() -> None:
    def runner(size: tuple | None, resume: bool = False) -> SimpleNamespace:
        preprocessor = SimpleNamespace(batch_augments=[SimpleNamespace(_input_size=size), SimpleNamespace()])
        return SimpleNamespace(model=SimpleNamespace(data_preprocessor=preprocessor), _resume=resume)

    checkpoint: dict = {}
    BatchResizeHook().before_save_checkpoint(runner((96, 64)), checkpoint)
    resumed, started = runner(None, resume=True), runner(None)
    for other in (resumed, started):
        BatchResizeHook().after_load_checkpoint(other, checkpoint)
    assert resumed.model.data_preprocessor.batch_augments[0]._input_size == (96, 64)
    assert started.model.data_preprocessor.batch_augments[0]._input_size is None
    without: dict = {}
    BatchResizeHook().before_save_checkpoint(SimpleNamespace(model=nn.Module()), without)
    assert without == {}
