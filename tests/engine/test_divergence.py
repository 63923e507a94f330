"""A training that turns into NaN stops and keeps its last good checkpoint."""

from pathlib import Path

import pytest
import torch

from tests.engine import runs  # noqa: F401  registers ExplodingHook
from tests.small_config import write_small_config
from tools.train import main


def test_nan_loss_stops_and_keeps_the_last_checkpoint(
    tmp_path: Path, drawn_coco: Path, capsys: pytest.CaptureFixture
) -> None:
    # The learning rate explodes at the start of the second epoch of four iterations.
    more = (
        "\nparam_scheduler = [dict(type='ConstantLR', factor=1.0, begin=0, end=99, by_epoch=False)]"
        "\ncustom_hooks = [dict(type='ExplodingHook', iteration=5)]"
    )
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, epochs=3, more=more)
    assert main([str(config), '--work-dir', str(tmp_path / 'run')]) == 2
    error = [text for text in capsys.readouterr().err.splitlines() if text.startswith('error: ')]
    assert len(error) == 1
    assert 'loss' in error[0]
    assert 'iteration 7 (epoch 2)' in error[0]
    assert 'epoch_1.pth' in error[0]
    assert [path.name for path in (tmp_path / 'run').glob('*.pth')] == ['epoch_1.pth']
    weights = torch.load(tmp_path / 'run' / 'epoch_1.pth')['state_dict']
    assert all(torch.isfinite(value).all() for value in weights.values())


def test_weights_that_are_not_finite_are_never_saved(
    tmp_path: Path, drawn_coco: Path, capsys: pytest.CaptureFixture
) -> None:
    more = "\ncustom_hooks = [dict(type='ExplodingHook', iteration=3)]"
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, epochs=1, more=more)
    assert main([str(config), '--work-dir', str(tmp_path / 'run')]) == 2
    assert 'is no longer finite at iteration' in capsys.readouterr().err
    assert not list((tmp_path / 'run').glob('*.pth'))
