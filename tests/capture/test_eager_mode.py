import sys
from itertools import permutations

import pytest
import torch
from torch import nn

from posescope.capture.eager_mode import EagerMode
from posescope.errors import CaptureError


def stance() -> str:
    return torch._dynamo.eval_frame._stance.stance


@pytest.mark.parametrize('leaving', list(permutations(range(3))))
def test_switches_come_back_in_whatever_order_it_is_left(leaving: tuple[int, ...]) -> None:
    modes = [EagerMode(nn.Identity()) for _ in leaving]
    for mode in modes:
        mode.__enter__()
    for which in leaving:
        assert stance() == 'force_eager'
        assert not torch.backends.mha.get_fastpath_enabled()
        modes[which].__exit__(None, None, None)
    assert stance() == 'default'
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_fast_path_that_was_off_stays_off() -> None:
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with EagerMode(nn.Identity()):
            pass
        assert not torch.backends.mha.get_fastpath_enabled()
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


def test_an_exception_restores_both() -> None:
    with pytest.raises(RuntimeError, match='within'), EagerMode(nn.Identity()):
        raise RuntimeError('within')
    assert stance() == 'default'
    assert torch.backends.mha.get_fastpath_enabled()


@pytest.mark.parametrize('how', ['wrapped', 'in place', 'method', 'part'])
def test_compiled_models_are_refused_where_they_cannot_run_eagerly(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = nn.Sequential(nn.Linear(1, 1))
    assert 'torch._dynamo' in sys.modules
    model: nn.Module = net
    if how == 'wrapped':
        model = torch.compile(net, backend='eager')
    elif how == 'in place':
        net.compile(backend='eager')
    elif how == 'method':
        net.forward = torch.compile(net.forward, backend='eager')
    else:
        net[0] = torch.compile(net[0], backend='eager')
    with EagerMode(model):
        pass
    monkeypatch.delattr(torch.compiler, 'set_stance')
    with pytest.raises(CaptureError, match=r'is compiled, and PyTorch .* set compile=False or take PyTorch 2.6'):
        EagerMode(model).__enter__()
    with EagerMode(nn.Sequential(nn.Linear(1, 1))):
        assert not torch.backends.mha.get_fastpath_enabled()
    assert torch.backends.mha.get_fastpath_enabled()
