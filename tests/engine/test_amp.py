"""Mixed precision on whatever device there is."""

from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import nn

from posescope.engine.amp import AutocastOptimWrapper, float32_outputs
from posescope.errors import InputError
from posescope.models.heads.wrapped_head import maps_computed_by
from tests.engine.runs import logged
from tests.models.heads.small_heads import HEATMAP, SIGMAS, build, features, people
from tests.small_config import write_small_config
from tools.train import main


class _Named(NamedTuple):
    map: torch.Tensor


class _Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> tuple:
        return self.linear(x), {'scores': [self.linear(x), 3], 'named': _Named(self.linear(x))}


def test_head_returns_float32_and_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('posescope.engine.amp.computes_in_bfloat16', lambda device: True)
    model = nn.Module()
    model.head = _Head()
    wrapper = AutocastOptimWrapper(optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    x = torch.randn(3, 4)
    wrapper.initialize_count_status(model, 0, 2)
    with wrapper.optim_context(model):
        plain = model.head.linear(x)
        assert plain.dtype == torch.bfloat16
        first, rest = model.head.forward(x)
        assert first.dtype == rest['scores'][0].dtype == torch.float32
        assert rest['scores'][1] == 3
        assert isinstance(rest['named'], _Named)
        assert rest['named'].map.dtype == torch.float32
        torch.testing.assert_close(first, plain.float(), rtol=0, atol=0)
    assert 'forward' not in vars(model.head)
    with pytest.raises(ZeroDivisionError), float32_outputs(model.head):
        raise ZeroDivisionError
    assert 'forward' not in vars(model.head)


def test_a_processor_without_bfloat16_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('posescope.engine.amp.computes_in_bfloat16', lambda device: False)
    model = nn.Linear(4, 2)
    wrapper = AutocastOptimWrapper(optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    wrapper.initialize_count_status(model, 0, 2)
    with wrapper.optim_context(model):
        assert model(torch.randn(3, 4)).dtype == torch.float32


@pytest.mark.parametrize('dtype', ['float16', 'float64'])
def test_other_types_are_refused(dtype: str) -> None:
    with pytest.raises(InputError, match=r"computes in bfloat16; for float16, .* take type='AmpOptimWrapper'"):
        AutocastOptimWrapper(dtype=dtype, optimizer=torch.optim.SGD([torch.zeros(1)], lr=0.1))


def test_amp_trains_close_to_float32(tmp_path: Path, drawn_coco: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('posescope.engine.amp.computes_in_bfloat16', lambda device: True)
    config = write_small_config(tmp_path / 'small.py', drawn_coco.parent, epochs=2)
    losses = []
    for options in ([], ['--amp']):
        work_dir = tmp_path / f'run{len(losses)}'
        assert main([str(config), '--work-dir', str(work_dir), '--no-validate', *options]) == 0
        losses.append(logged(work_dir))
    full, mixed = (torch.tensor(list(values.values())) for values in losses)
    assert not torch.equal(full, mixed), 'reduced precision was in use'
    torch.testing.assert_close(mixed, full, rtol=0.1, atol=1e-3)
    weights = torch.load(tmp_path / 'run1' / 'epoch_2.pth')['state_dict']
    assert all(value.dtype in (torch.float32, torch.int64) for value in weights.values())


WRAPPED = {
    'calibrated': {'type': 'CalibratedHead', 'in_channels': 5, 'hidden_channels': 8, 'sigmas': SIGMAS},
    'supervised': {'type': 'DeepSupervisionHead', 'in_channels': (4, 6)},
}


@pytest.mark.parametrize('wrapper', WRAPPED)
def test_a_head_around_another_trains_in_bfloat16(wrapper: str) -> None:
    """The one inside computes the loss, and hands its maps to NumPy."""
    head, samples = build({**WRAPPED[wrapper], 'pose_head': HEATMAP}), people(HEATMAP['decoder'])
    stages = [features(4, 24, 16), features(6, 6, 4), features()][wrapper == 'calibrated' and 2 :]
    with torch.autocast('cpu', torch.bfloat16), float32_outputs(head):
        losses = head.loss(tuple(stages), samples)
    assert all(value.isfinite() for value in losses.values())
    plain = head.loss(tuple(stages), samples)
    assert losses['loss_kpt'].item() == pytest.approx(plain['loss_kpt'].item(), rel=0.05)


def test_whoever_watched_a_head_before_goes_on() -> None:
    head = _Head()
    with maps_computed_by(head) as computed:
        with float32_outputs(head):
            head.forward(torch.randn(3, 4))
        head.forward(torch.randn(3, 4))
    assert len(computed) == 2
    assert 'forward' not in vars(head)
