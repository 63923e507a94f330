import math

import pytest
import torch

from posescope.errors import InputError
from posescope.models.layers.sine_positions import sine_positions


def test_products_depend_on_the_displacement_alone() -> None:
    """sin a sin b + cos a cos b = cos(a - b), for every frequency and both axes."""
    codes = sine_positions(5, 7, 16).unflatten(0, (5, 7))
    waves = [10_000 ** (-4 * m / 16) for m in range(4)]

    def expected(down: int, across: int) -> float:
        return sum(
            math.cos(2 * math.pi * step / length * w) for step, length in ((down, 5), (across, 7)) for w in waves
        )

    for (i, j), (u, v) in (((0, 0), (0, 0)), ((0, 0), (4, 6)), ((3, 1), (2, 5)), ((1, 2), (0, 6))):
        found = float(codes[i, j] @ codes[u, v])
        assert math.isclose(found, expected(i - u, j - v), abs_tol=1e-5)


def test_cells_come_row_by_row() -> None:
    codes = sine_positions(3, 4, 8)
    assert codes.shape == (12, 8)
    assert torch.equal(codes[4:8, :4], codes[4, :4].expand(4, -1))  # one row, one code of rows
    assert torch.equal(codes[1::4, 4:], codes[1, 4:].expand(3, -1))
    assert len(torch.unique(codes, dim=0)) == 12


def test_channels_are_a_multiple_of_four() -> None:
    with pytest.raises(InputError, match='a multiple of 4 channels, not 90'):
        sine_positions(3, 4, 90)
