"""What is handed to a drawing is checked, and a mistake told in one line."""

import numpy as np
import pytest
import torch

from posescope.capture.pictures.checks import checked_array, checked_maps, checked_photograph, one_each
from posescope.errors import InputError


def test_arrays_and_tensors_become_float64() -> None:
    for values in ([[1, 2]], np.array([[1, 2]], np.float16), torch.tensor([[1.0, 2.0]])):
        array = checked_array(values, 'map', ('h', 'w'))
        assert array.dtype == np.float64
        np.testing.assert_array_equal(array, [[1, 2]])


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        (np.zeros((2, 3)), r'features has shape \(2, 3\), not \(C, H, W\)'),
        (np.zeros((0, 3, 3)), r'features has shape \(0, 3, 3\)'),
        (np.array([[['a']]]), 'features holds <U1 where real numbers are needed'),
        (np.zeros((1, 1, 1), complex), 'features holds complex128'),
        ([[[1, 2], [3]]], 'features is no array of numbers'),
        (torch.ones(1, 1, 1, requires_grad=True), 'features is no array of numbers'),
    ],
)
def test_wrong_arrays(values, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        checked_maps(values, 'features')
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('photograph', [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)])
def test_wrong_photographs(photograph: np.ndarray) -> None:
    with pytest.raises(InputError, match=r'not uint8 of \(H, W, 3\), RGB'):
        checked_photograph(photograph)


def test_counts() -> None:
    one_each(2, 'maps', grids=[1, 2])
    with pytest.raises(InputError, match='1 grids for 2 maps'):
        one_each(2, 'maps', grids=[1])
    with pytest.raises(InputError, match='there are no maps to draw'):
        one_each(0, 'maps')
