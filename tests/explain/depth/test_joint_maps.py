"""Gaussians on cells and back, against least squares written out."""

import numpy as np
import pytest
import torch

from posescope.capture.grid import Grid
from posescope.explain.attribution.spatial_layer import SpatialLayer
from posescope.explain.depth.joint_maps import JointMaps, spread_for

SIZE = 48, 64


def maps(stride: int, spread: float | None = None) -> JointMaps:
    offset = (stride - 1) / 2
    size = SIZE[1] // stride, SIZE[0] // stride
    layer = SpatialLayer('a', Grid((float(stride),) * 2, (offset, offset)), size)
    return JointMaps(layer, SIZE, spread_for(layer, SIZE) if spread is None else spread)


@pytest.mark.parametrize('stride', [1, 4, 16])
def test_places_come_back_to_the_pixel_however_coarse_the_map(stride: int) -> None:
    places = torch.tensor([[[0.0, 0.0], [20.0, 31.0], [47.0, 5.0]], [[13.0, 63.0], [1.0, 2.0], [33.0, 40.0]]])
    these = maps(stride)
    assert torch.equal(these.decode(0.3 * these.encode(places)), places)


def test_the_peak_is_one_where_the_joint_is_on_a_cell() -> None:
    found = maps(4, 3.0).encode(torch.tensor([[[4 * 5 + 1.5, 4 * 7 + 1.5]]]))[0, 0]
    assert found[7, 5] == 1
    np.testing.assert_allclose(found[7, 6], np.exp(-(4**2) / 18), rtol=1e-6)
    np.testing.assert_allclose(found[9, 5], np.exp(-(8**2) / 18), rtol=1e-6)


def test_decoding_is_the_best_fit_by_least_squares() -> None:
    these = maps(8)
    noisy = torch.randn(1, 2, 8, 6, generator=torch.Generator().manual_seed(0)).double()
    columns, rows = np.meshgrid(np.arange(48), np.arange(64))
    every = torch.from_numpy(np.stack([columns, rows], -1).reshape(1, -1, 2)).double()
    templates = these.encode(every)[0].flatten(1).numpy()
    for joint in range(2):
        values = noisy[0, joint].flatten().numpy()
        amplitude = (templates @ values) / (templates**2).sum(1)
        # A joint is a hill: fits with a negative amplitude are no joints.
        errors = ((values - np.maximum(amplitude, 0)[:, None] * templates) ** 2).sum(1)
        best = every[0, int(errors.argmin())]
        assert torch.equal(these.decode(noisy)[0, joint], best)


def test_unlabelled_joints_give_an_empty_map() -> None:
    assert not maps(4).encode(torch.full((1, 1, 2), torch.nan)).any()


def test_spread_is_a_cell_at_least() -> None:
    assert maps(1).spread == 2  # a 24th of the width
    assert maps(16).spread == 16
