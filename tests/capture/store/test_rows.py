import numpy as np
import pytest
import torch

from posescope.capture.store.rows import stored_rows
from posescope.errors import CaptureError

ALL = [0, 1, 2]


def test_tensors_of_any_layout_become_contiguous() -> None:
    maps = torch.arange(3 * 4 * 2 * 5.0).reshape(3, 4, 2, 5)
    for given in (
        maps,
        maps.to(memory_format=torch.channels_last),
        maps.bfloat16(),
        maps.double(),
        maps.requires_grad_(),
    ):
        rows = stored_rows('a', given, 3, 'float16', ALL, True)
        assert rows.dtype == np.float16
        assert rows.flags.c_contiguous
        np.testing.assert_array_equal(rows, maps.detach().numpy())
    np.testing.assert_array_equal(
        stored_rows('a', maps.detach().numpy()[..., ::-1], 3, 'float32', ALL, True), maps.detach().flip(-1)
    )


def test_some_rows() -> None:
    maps = np.arange(6.0).reshape(3, 2)
    for given in (maps, torch.tensor(maps)):
        np.testing.assert_array_equal(stored_rows('a', given, 3, 'float32', [2, 0], True), maps[[2, 0]])
        assert stored_rows('a', given, 3, 'float32', [], True).shape == (0, 2)


@pytest.mark.parametrize('dtype', [np.int64, np.uint8, bool])
def test_integers_stay_what_they_are(dtype: type) -> None:
    given = np.array([[0], [1], [1]], dtype)
    for values in (given, torch.tensor(given)):
        assert stored_rows('a', values, 3, 'float16', ALL, True).dtype == dtype


def test_copies_unless_told_otherwise() -> None:
    for given in (np.zeros((3, 2), np.float16), torch.zeros(3, 2, dtype=torch.float16)):
        copied = stored_rows('a', given, 3, 'float16', ALL, True)
        taken = stored_rows('a', given, 3, 'float16', ALL, False)
        given[1] = 5
        assert copied[1].tolist() == [0, 0]
        assert taken[1].tolist() == [5, 5]


@pytest.mark.parametrize('value', [65520.0, -1e9])
def test_too_large_for_half_precision_is_refused(value: float) -> None:
    for given in (np.float32([0, value, 1]), torch.tensor([0, value, 1]), torch.tensor([0, value, 1]).bfloat16()):
        with pytest.raises(CaptureError, match=r"layer a has values beyond 65504.*dtype='float32'"):
            stored_rows('a', given, 3, 'float16', ALL, True)
        assert stored_rows('a', given, 3, 'float32', ALL, True)[1] == pytest.approx(value, rel=0.01)


def test_infinities_and_nans_of_the_model_are_kept() -> None:
    given = torch.tensor([np.inf, -np.inf, np.nan, 65504.0, -65504.0])
    rows = stored_rows('a', given, 5, 'float16', list(range(5)), True)
    np.testing.assert_array_equal(rows, given)


def test_refusals() -> None:
    for given in (np.zeros((2, 4)), torch.zeros(2, 4), np.float32(1), torch.tensor(1.0)):
        with pytest.raises(CaptureError, match=r'layer a: .* has not one row for each of 3 samples'):
            stored_rows('a', given, 3, 'float16', ALL, True)
    with pytest.raises(CaptureError, match='layer a: values of type complex64'):
        stored_rows('a', torch.zeros(3, dtype=torch.complex64), 3, 'float16', ALL, True)
