import pytest
import torch

from posescope.capture.narrowing import narrowed
from posescope.errors import CaptureError


def test_copies_keep_the_order_of_axes_in_memory() -> None:
    maps = torch.randn(2, 3, 4, 5)
    for given in (maps, maps.to(memory_format=torch.channels_last), maps.permute(3, 0, 2, 1)):
        copy = narrowed(given, torch.float16, 'layer')
        assert copy.stride() == given.stride()
        assert torch.equal(copy, given.half())
        same = narrowed(given, None, 'layer')
        assert same.dtype == torch.float32
        before = given.clone()
        given.zero_()
        assert torch.equal(same, before)
        given.copy_(before)


def test_copies_of_parts_fill_their_memory() -> None:
    maps = torch.randn(2, 6, 4, 5).to(memory_format=torch.channels_last)
    for given in (maps[:, ::2], maps[1:, :, 1:3], maps[:, :1].expand(2, 6, 4, 5), maps[0, 0, 0, 0]):
        copy = narrowed(given, torch.float16, 'layer')
        assert torch.equal(copy, given.half())
        assert copy.untyped_storage().nbytes() == 2 * given.numel()


@pytest.mark.parametrize('place', [(0, 0, 0, 0), (1, 2, 3, 4), (0, 2, 1, 0)])
@pytest.mark.parametrize('value', [7e4, -7e4])
def test_one_value_anywhere_is_noticed(place: tuple[int, ...], value: float) -> None:
    maps = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    maps[place] = value
    for given in (maps, maps.contiguous(), maps.permute(3, 1, 0, 2)):
        with pytest.raises(CaptureError, match=r'layer reaches 7e\+04'):
            narrowed(given, torch.float16, 'layer')


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
