"""Mirrored pictures in the order in which others lie in memory."""

import numpy as np

from posescope.data.transforms import ContiguousImage


def test_values_stay_and_lie_in_order() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (7, 5, 3), dtype=np.uint8)
    found = ContiguousImage().transform({'img': pixels[:, ::-1]})['img']
    np.testing.assert_array_equal(found, pixels[:, ::-1])
    assert found.flags.c_contiguous
    assert ContiguousImage().transform({'img': pixels})['img'] is pixels
