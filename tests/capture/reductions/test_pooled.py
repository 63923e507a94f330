import numpy as np
import pytest
import torch

from posescope.capture.reductions import Pooled
from posescope.errors import CaptureError


def test_mean_over_space() -> None:
    maps = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(Pooled().apply(maps), maps.numpy().mean((2, 3)), rtol=1e-4, atol=1e-6)
    tokens = maps.flatten(2).transpose(1, 2)
    np.testing.assert_array_equal(Pooled().apply(tokens), Pooled().apply(maps))
    assert Pooled().apply(maps[..., 0, 0]).shape == (3, 4)


def test_half_precision_does_not_overflow() -> None:
    """5000 values of 100 have a sum that float16 lacks, and a mean that it has."""
    found = Pooled().apply(torch.full((1, 2, 50, 100), 100.0, dtype=torch.float16))
    assert found.dtype == torch.float16
    assert found.tolist() == [[100, 100]]


def test_other_shapes_are_refused() -> None:
    with pytest.raises(CaptureError, match=r'Pooled reduces maps .* not \(1, 2, 3, 4, 5\)'):
        Pooled().apply(torch.zeros(1, 2, 3, 4, 5))
