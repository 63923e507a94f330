"""A run that stops early stops at the same epoch when it was killed and resumed in between."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.hooks import EarlyStoppingHook

from posescope.engine.early_stopping_hook import ResumableEarlyStoppingHook
from posescope.engine.resume import latest_checkpoint
from tests.small_config import write_small_config
from tools.train import main

OPTIONS = dict(monitor='coco/AP', rule='greater', min_delta=0.01, patience=2)
SCORES = [0.1, 0.3, 0.302, 0.35, 0.2, 0.34, 0.9, 0.9]
"""The third does not gain enough, the fourth does, and the sixth is the second in a row that does not."""


def validate(hook: EarlyStoppingHook, work_dir: Path, begin: int = 0, end: int = len(SCORES)) -> int:
    """Validate after every tenth iteration, from ``begin`` on if resumed; gives the iteration that it stops at."""
    loop = SimpleNamespace(stop_training=False)
    runner = SimpleNamespace(
        iter=begin, work_dir=str(work_dir), train_loop=loop, logger=SimpleNamespace(info=lambda text: None)
    )
    if begin:
        hook.catch_up(runner)
    for iteration in range(begin + 10, end * 10 + 1, 10):
        if loop.stop_training:
            break
        runner.iter = iteration
        hook.after_val_epoch(runner, {'coco/AP': SCORES[iteration // 10 - 1]})
    return runner.iter


def test_stops_where_mmengines_hook_stops_an_undisturbed_run(tmp_path: Path) -> None:
    assert validate(EarlyStoppingHook(**OPTIONS), tmp_path) == 60
    assert validate(ResumableEarlyStoppingHook(**OPTIONS), tmp_path) == 60


@pytest.mark.parametrize('begin', [10, 20, 30, 40, 50])
def test_a_resumed_run_stops_there_too(begin: int, tmp_path: Path) -> None:
    validate(ResumableEarlyStoppingHook(**OPTIONS), tmp_path, end=5)  # killed after the fifth validation
    assert validate(ResumableEarlyStoppingHook(**OPTIONS), tmp_path, begin) == 60


def test_a_run_that_had_stopped_does_not_go_on(tmp_path: Path) -> None:
    validate(ResumableEarlyStoppingHook(**OPTIONS), tmp_path)
    assert validate(ResumableEarlyStoppingHook(**OPTIONS), tmp_path, begin=60) == 60


def test_a_validation_made_twice_counts_once(tmp_path: Path) -> None:
    hook = ResumableEarlyStoppingHook(**OPTIONS)
    runner = SimpleNamespace(iter=10, work_dir=str(tmp_path), train_loop=SimpleNamespace(stop_training=False))
    for _ in range(5):
        hook.after_val_epoch(runner, {'coco/AP': 0.5})
    assert not runner.train_loop.stop_training


def test_a_new_run_knows_nothing_of_an_old_one(tmp_path: Path) -> None:
    validate(ResumableEarlyStoppingHook(**OPTIONS), tmp_path)
    assert validate(ResumableEarlyStoppingHook(**OPTIONS), tmp_path) == 60


def test_the_tool_stops_a_resumed_run_after_the_same_epoch(tmp_path: Path, drawn_coco: Path) -> None:
    """AP stays at 0, so the second epoch after the first is the last."""
    more = f"\ncustom_hooks = [dict(type='EarlyStoppingHook', **{OPTIONS})]"
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, epochs=6, more=more)
    assert main([str(config), '--work-dir', str(tmp_path / 'a')]) == 0
    assert latest_checkpoint(tmp_path / 'a') == tmp_path / 'a' / 'epoch_3.pth'
    shutil.copytree(tmp_path / 'a', tmp_path / 'b', ignore=shutil.ignore_patterns('epoch_3.pth', 'last_checkpoint'))
    assert main([str(config), '--work-dir', str(tmp_path / 'b'), '--resume']) == 0
    assert latest_checkpoint(tmp_path / 'b') == tmp_path / 'b' / 'epoch_3.pth'
