"""Muon's orthogonalisation on the small square."""

import pytest
import torch
from timm.optim import muon

from posescope.compat.newton_schulz import orthogonalise

QUINTIC = [(3.4445, -4.7750, 2.0315)]


@pytest.mark.parametrize('shape', [(6, 40), (40, 6), (9, 9), (3, 8, 20)])
@pytest.mark.parametrize('coefficients', [QUINTIC, [(3.0, -3.0, 1.0), *QUINTIC]])
def test_same_as_timms_in_double_precision(shape: tuple[int, ...], coefficients: list) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    expected = muon.zeropower_via_newtonschulz(matrix, 3, coefficients, dtype=torch.float64)
    torch.testing.assert_close(orthogonalise(matrix, 3, coefficients).double(), expected, atol=1e-5, rtol=0)


def test_a_damped_norm_is_left_to_timm() -> None:
    def timms(*arguments: object, scale_eps: bool) -> torch.Tensor:
        assert scale_eps
        return torch.ones(1)

    assert orthogonalise(torch.eye(3), 1, QUINTIC, scale_eps=True, otherwise=timms) == 1
