import pytest
import torch

from posescope.capture.narrowing import narrowed
from posescope.errors import CaptureError


def test_copies_contiguously() -> None:
    maps = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    copy = narrowed(maps, torch.float16, 'layer')
    assert copy.is_contiguous()
    assert torch.equal(copy, maps.half())
    same = narrowed(maps, None, 'layer')
    assert same.dtype == torch.float32
    before = maps.clone()
    maps.zero_()
    assert torch.equal(same, before)


def test_whole_numbers_stay() -> None:
    assert narrowed(torch.tensor([1 << 40]), torch.float16, 'layer').tolist() == [1 << 40]


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize('sign', [1, -1])
def test_refuses_what_is_too_large(dtype: torch.dtype, sign: int) -> None:
    values = torch.tensor([float('nan'), 1.0, sign * 2.0**17], dtype=dtype)
    with pytest.raises(CaptureError, match=r'layer reaches 1.31e\+05, more than float16 can hold \(6.55e\+04\)'):
        narrowed(values, torch.float16, 'layer')


def test_what_was_no_number_before_stays() -> None:
    values = torch.tensor([float('inf'), -float('inf'), float('nan'), 65504.0])
    assert torch.equal(narrowed(values, torch.float16, 'layer')[:2].float(), values[:2])
    assert narrowed(values, torch.float16, 'layer')[2:].tolist()[1] == 65504
    assert narrowed(torch.zeros(0), torch.float16, 'layer').shape == (0,)


def test_infinity_is_noticed_among_positive_numbers_alone() -> None:
    fine = torch.tensor([0.0, 65504.0, 65519.0])  # the last is rounded down
    assert narrowed(fine, torch.float16, 'layer').tolist() == [0, 65504, 65504]
    with pytest.raises(CaptureError, match=r'reaches 6.55e\+04'):
        narrowed(torch.tensor([0.0, 65520.0]), torch.float16, 'layer')
