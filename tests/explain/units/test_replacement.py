import numpy as np
import pytest

from posescope.errors import InputError
from posescope.explain.units.channel_maps import ChannelMoments
from posescope.explain.units.replacement import energy_taken, mean_of_others


def test_means_leave_out_all_of_the_image() -> None:
    means = np.array([[1.0], [3.0], [5.0], [9.0]])
    found = mean_of_others(ChannelMoments(means, means**2), ['a', 'a', 'b', 'c'])
    np.testing.assert_allclose(found, [[7], [7], [13 / 3], [3]])
    with pytest.raises(InputError, match='all are on one'):
        mean_of_others(ChannelMoments(means, means**2), [7] * 4)


def test_energy_is_the_squared_distance_from_the_replacement() -> None:
    maps = np.random.default_rng(0).normal(size=(5, 3, 4, 6))
    means = np.random.default_rng(1).normal(size=(5, 3))
    moments = ChannelMoments(maps.mean((2, 3)), (maps**2).mean((2, 3)))
    expected = ((maps - means[:, :, None, None]) ** 2).mean((0, 2, 3))
    np.testing.assert_allclose(energy_taken(moments, means), expected)
