import pytest
import torch

from posescope.errors import InputError
from posescope.explain.attribution import build_method
from posescope.explain.attribution.occlusion import Occlusion
from posescope.explain.memory import halving, ran_out_of_memory
from tests.explain.attribution.explained import explained


def exhausted(most: int) -> None:
    """Ask for more than any machine has, unless a batch is small."""
    if most:
        torch.empty(1 << 60)


def test_memory_that_really_ends_is_told_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as raised:
        exhausted(1)
    assert ran_out_of_memory(raised.value)
    assert ran_out_of_memory(torch.cuda.OutOfMemoryError())
    with pytest.raises(InputError) as wrapped:
        raise InputError('captum does not take this model') from raised.value
    assert ran_out_of_memory(wrapped.value)
    assert not ran_out_of_memory(RuntimeError('mat1 and mat2 shapes cannot be multiplied'))


def test_batches_are_halved_until_they_fit() -> None:
    asked = []

    def run(batch_size: int) -> str:
        asked.append(batch_size)
        exhausted(batch_size > 3)
        return 'done'

    with pytest.warns(UserWarning, match='it: memory is full; going on with batches of 2'):
        assert halving(run, 11, 'it') == ('done', 2)
    assert asked == [11, 5, 2]


def test_a_single_crop_that_does_not_fit_is_an_error() -> None:
    with (
        pytest.warns(UserWarning, match='batches of 1'),
        pytest.raises(InputError, match='it: memory does not suffice for a single crop'),
    ):
        halving(lambda batch_size: exhausted(1), 2, 'it')
    with pytest.raises(ZeroDivisionError):
        halving(lambda batch_size: 1 // 0, 2, 'it')


def test_a_method_goes_on_with_smaller_batches_to_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    made, inputs, bound = explained('resnet')
    expected = build_method('occlusion', window=64).attribute(made, inputs, bound, [9])
    whole = Occlusion.maps

    def scarce(self: Occlusion, *args: object) -> torch.Tensor:
        exhausted(self.batch_size > 4)
        return whole(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Occlusion, 'maps', scarce)
    method = build_method('occlusion', window=64, batch_size=16)
    with pytest.warns(UserWarning, match="method 'occlusion': memory is full; going on with batches of 4"):
        found = method.attribute(made, inputs, bound, [9])
    torch.testing.assert_close(found, expected)
    assert method.batch_size == 4
