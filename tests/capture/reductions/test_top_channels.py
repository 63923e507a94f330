import numpy as np
import pytest
import torch

from posescope.capture.reductions import TopChannels
from posescope.errors import CaptureError


def drawn() -> torch.Tensor:
    """(10, 6, 4, 3) with known standard deviations, and means that must not count."""
    noise = torch.randn(10, 6, 4, 3, generator=torch.Generator().manual_seed(0))
    deviations = torch.tensor([1, 5, 0.1, 3, 0.2, 2])
    return noise * deviations[:, None, None] + torch.tensor([0, 0, 1e3, 0, 50, -7])[:, None, None]


def test_the_channels_that_vary_most() -> None:
    maps, reduction = drawn(), TopChannels(3)
    reduction.fit([maps[:4], maps[4:]])
    np.testing.assert_array_equal(reduction.apply(maps), maps[:, [1, 3, 5]])
    tokens = maps.flatten(2).transpose(1, 2)
    np.testing.assert_array_equal(reduction.apply(tokens), tokens[..., [1, 3, 5]])
    np.testing.assert_array_equal(reduction.apply(maps[..., 0, 0]), maps[:, [1, 3, 5], 0, 0])
    assert reduction.describe() == dict(type='TopChannels', k=3, fit=256, channels=[1, 3, 5])


def test_variances_are_numpys() -> None:
    maps = torch.randn(10, 40, 4, 3, generator=torch.Generator().manual_seed(1))
    reduction = TopChannels(40)
    reduction.fit([maps.flatten(2).transpose(1, 2)])
    variances = maps.double().numpy().var((0, 2, 3))
    assert reduction.describe()['channels'] == np.argsort(-variances).tolist()


def test_restored() -> None:
    maps, first, second = drawn(), TopChannels(2), TopChannels(2)
    second.restore(first.state())
    assert not second.fitted
    with pytest.raises(CaptureError, match='TopChannels must be fitted'):
        second.apply(maps)
    first.fit([maps])
    second.restore(first.state())
    np.testing.assert_array_equal(second.apply(maps), first.apply(maps))


def test_refusals() -> None:
    with pytest.raises(CaptureError, match='cannot keep k=7 of 6 channels'):
        TopChannels(7).fit([drawn()])
    with pytest.raises(CaptureError, match='not finite'):
        TopChannels(1).fit([torch.full((2, 3), float('nan'))])
    with pytest.raises(CaptureError, match='to no samples'):
        TopChannels(1).fit([])
