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
@pytest.mark.parametrize('told_by', ['PyTorch', 'Linux'])
def test_a_processor_does_only_with_its_own_instructions(told_by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if told_by == 'Linux':  # as with PyTorch 2.6
        monkeypatch.delattr(torch.cpu, 'get_capabilities', raising=False)
    flags = set(FLAGS.read_text().split())
    if flags & {'avx512_bf16', 'amx_bf16'}:
        assert computes_in_bfloat16('cpu')
    elif 'bf16' not in flags:  # Arm's, of which not every build of PyTorch makes use
        assert not computes_in_bfloat16('cpu')


@pytest.mark.parametrize(
    ('has', 'computes'),
    [
        ({'avx512_f', 'avx512_bw', 'avx512_dq', 'avx512_vl', 'avx512_vnni'}, False),  # oneDNN emulates it there
        ({'avx512_f', 'avx512_bw', 'avx512_dq', 'avx512_vl', 'avx512_bf16'}, True),
        ({'neon', 'bf16'}, True),
        ({'neon'}, False),
    ],
)
def test_what_pytorch_would_emulate_does_not_count(
    has: set[str], computes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {*has, 'avx512_bf16', 'bf16'}
    capabilities = {name: name in has for name in names} | {'architecture': 'amx_bf16', 'sve_max_length': 1}
    monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: capabilities, raising=False)
    monkeypatch.setattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', lambda: True)
    assert computes_in_bfloat16('cpu') == computes


def test_without_support_of_pytorch_instructions_do_not_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: {'avx512_bf16': True}, raising=False)
    monkeypatch.setattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', lambda: False)
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
