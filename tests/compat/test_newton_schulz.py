"""Muon's orthogonalisation on the small square."""

import importlib.util
from types import ModuleType

import pytest
import timm.optim.muon
import torch

from posescope.compat.bfloat16 import orthogonalise_in_float32
from posescope.compat.newton_schulz import orthogonalise

QUINTIC = [(3.4445, -4.7750, 2.0315)]


@pytest.fixture(scope='module')
def timms() -> ModuleType:
    """timm's module as it is, whether or not a training of this process has put our function into it."""
    spec = importlib.util.find_spec('timm.optim.muon')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize('shape', [(6, 40), (40, 6), (9, 9), (3, 8, 20)])
@pytest.mark.parametrize('coefficients', [QUINTIC, [(3.0, -3.0, 1.0), *QUINTIC]])
@pytest.mark.parametrize('damping', [{}, {'scale_eps': True, 'eps': 0.3, 'safety_factor': 1.1}])
def test_same_as_timms_in_double_precision(
    timms: ModuleType, shape: tuple[int, ...], coefficients: list, damping: dict
) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    expected = timms.zeropower_via_newtonschulz(matrix, 3, coefficients, dtype=torch.float64, **damping)
    found = orthogonalise(matrix, 3, coefficients, **damping)
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=0)


def test_muon_uses_it(monkeypatch: pytest.MonkeyPatch, timms: ModuleType) -> None:
    monkeypatch.setattr(timm.optim.muon, 'zeropower_via_newtonschulz', timms.zeropower_via_newtonschulz)
    orthogonalise_in_float32()
    assert timm.optim.muon.zeropower_via_newtonschulz is orthogonalise
