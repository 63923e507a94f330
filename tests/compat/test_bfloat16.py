"""Whether this processor computes in bfloat16, and Muon where it does not."""

from pathlib import Path

import pytest
import torch
from timm.optim import muon

from posescope.compat.bfloat16 import computes_in_bfloat16, orthogonalise_in_float32

FLAGS = Path('/proc/cpuinfo')


def test_accelerators_do() -> None:
    assert computes_in_bfloat16('cuda')


@pytest.mark.skipif(not FLAGS.is_file(), reason='the flags of the processor are read from /proc/cpuinfo')
def test_a_processor_with_neither_avx512_nor_amx_does_not() -> None:
    flags = set(FLAGS.read_text().split())
    if 'avx512bw' in flags:
        assert computes_in_bfloat16('cpu')
    elif not flags & {'amx_bf16', 'avx_ne_convert', 'bf16'}:
        assert not computes_in_bfloat16('cpu')


def test_muon_orthogonalises_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muon, 'zeropower_via_newtonschulz', muon.zeropower_via_newtonschulz)
    torch.manual_seed(0)
    matrix = torch.randn(6, 10)
    settings = {'steps': 12, 'eps': 1e-7, 'coefficients': [(2.0, -1.5, 0.5)] * 12}  # converges to the polar factor
    orthogonalise_in_float32()
    orthogonalise_in_float32()
    found = muon.zeropower_via_newtonschulz(matrix, **settings)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    torch.testing.assert_close(found, u @ v, atol=1e-4, rtol=0)
