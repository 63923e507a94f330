"""Products of float32 in float32, and everything as before afterwards."""

from collections.abc import Iterator

import pytest
import torch

from posescope.capture.attention.full_precision import full_precision, precision_of

HAS_NAMES = hasattr(torch.backends.cuda.matmul, 'fp32_precision')


@pytest.fixture(autouse=True)
def same_precision_afterwards() -> Iterator[None]:
    yield
    torch.set_float32_matmul_precision('highest')


@pytest.mark.parametrize('chosen', ['highest', 'high', 'medium'])
def test_inside_nothing_is_rounded(chosen: str) -> None:
    torch.set_float32_matmul_precision(chosen)
    tf32 = torch.backends.cuda.matmul.allow_tf32
    assert tf32 == (chosen != 'highest')
    with torch.autocast('cpu', torch.bfloat16):
        with pytest.raises(ZeroDivisionError), full_precision('cpu'):
            assert not torch.is_autocast_enabled('cpu')
            if HAS_NAMES:
                assert torch.backends.cuda.matmul.fp32_precision == 'ieee'
                assert torch.backends.mkldnn.matmul.fp32_precision == 'ieee'
            else:
                assert not torch.backends.cuda.matmul.allow_tf32
            raise ZeroDivisionError
        assert torch.is_autocast_enabled('cpu')
    assert torch.get_float32_matmul_precision() == chosen
    assert torch.backends.cuda.matmul.allow_tf32 == tf32


@pytest.mark.skipif(not HAS_NAMES, reason='PyTorch knows precision by name since 2.9')
def test_a_precision_that_was_set_by_name() -> None:
    torch.backends.cuda.matmul.fp32_precision = 'tf32'
    with full_precision('cpu'):
        assert torch.backends.cuda.matmul.fp32_precision == 'ieee'
    assert torch.backends.cuda.matmul.fp32_precision == 'tf32'


@pytest.mark.skipif(not torch.cuda.is_available(), reason='TensorFloat32 needs an NVIDIA GPU')
def test_products_on_a_gpu() -> None:
    factors = torch.rand(2, 512, 512, generator=torch.Generator().manual_seed(0))
    exact = factors[0].double() @ factors[1].double()
    torch.set_float32_matmul_precision('high')
    one, other = factors.cuda()
    rounded = (one @ other).cpu()
    with full_precision('cuda'):
        found = (one @ other).cpu()
    assert (rounded - exact).abs().max() > 1e-3  # the setting does something here
    assert (found - exact).abs().max() < 2e-4


def test_what_a_product_is_computed_in_follows_the_settings() -> None:
    assert precision_of(torch.bfloat16, 'cpu') is torch.bfloat16
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision('highest')
        assert precision_of(torch.float32, 'cuda') is precision_of(torch.float32, 'cpu') is torch.float32
        torch.set_float32_matmul_precision('high')
        assert precision_of(torch.float32, 'cuda') is torch.float16
        with full_precision('cpu'):
            assert precision_of(torch.float32, 'cuda') is torch.float32
    finally:
        torch.set_float32_matmul_precision(before)
