import numpy as np

from posescope.capture.store.half_range import all_finite


def test_every_number_of_half_precision() -> None:
    values = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = np.isfinite(values)
    for others in (1.0, -1.0):
        pair = np.array([others, 0], np.float16)
        found = []
        for value in values:
            pair[1] = value
            found.append(all_finite(pair))
        np.testing.assert_array_equal(found, finite)


def test_shapes() -> None:
    values = np.zeros((2, 3, 4), np.float16)
    assert all_finite(values)
    values[1, 2, 3] = -np.inf
    assert not all_finite(values)
    assert all_finite(values[:0])
