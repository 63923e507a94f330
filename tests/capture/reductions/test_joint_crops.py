import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from posescope.capture.reductions import JointCrops
from posescope.errors import CaptureError

MAPS = torch.randn(2, 3, 8, 6, generator=torch.Generator().manual_seed(0))


def test_whole_cells_are_the_maps_own() -> None:
    places = torch.tensor([[[2, 3], [4, 1]], [[5, 4], [1, 1]]]).float()
    crops = JointCrops(3).apply(MAPS, places)
    assert crops.shape == (2, 2, 3, 3, 3)
    for person in range(2):
        for joint in range(2):
            y, x = places[person, joint].int()
            np.testing.assert_allclose(crops[person, joint], MAPS[person, :, y - 1 : y + 2, x - 1 : x + 2], atol=1e-5)
    at_joint = JointCrops().apply(MAPS, places)
    np.testing.assert_allclose(at_joint[1, 0, :, 0, 0], MAPS[1, :, 5, 4], atol=1e-5)


@pytest.mark.parametrize('size', [1, 2, 5])
def test_between_cells_as_scipy(size: int) -> None:
    places = torch.rand(2, 4, 2, generator=torch.Generator().manual_seed(1)) * torch.tensor([7, 5])
    steps = np.arange(size) - (size - 1) / 2
    crops = JointCrops(size).apply(MAPS, places)
    padded = np.pad(MAPS.double().numpy(), ((0, 0), (0, 0), (9, 9), (9, 9)))
    for person, joint, channel in np.ndindex(2, 4, 3):
        y, x = places[person, joint].tolist()
        grid = np.meshgrid(y + steps + 9, x + steps + 9, indexing='ij')
        expected = map_coordinates(padded[person, channel], grid, order=1)
        np.testing.assert_allclose(crops[person, joint, channel], expected, atol=1e-5)


def test_no_place_is_nan_and_outside_is_zero() -> None:
    places = torch.tensor([[[float('nan'), 2], [50, 50], [0, 0]]]).expand(2, -1, -1)
    crops = JointCrops(3).apply(MAPS.half(), places)
    assert crops.dtype == torch.float32
    assert crops[:, 0].isnan().all()
    assert (crops[:, 1] == 0).all()
    assert (crops[:, 2, :, 0] == 0).all()
    np.testing.assert_allclose(crops[:, 2, :, 1, 1], MAPS[:, :, 0, 0], atol=2e-3)


def test_a_map_of_one_cell() -> None:
    crops = JointCrops().apply(torch.full((1, 1, 1, 1), 3.0), torch.zeros(1, 1, 2))
    assert crops.item() == pytest.approx(3)


def test_refusals() -> None:
    with pytest.raises(CaptureError, match=r'JointCrops cuts maps \(N, C, H, W\), not \(2, 3\)'):
        JointCrops().apply(torch.zeros(2, 3), torch.zeros(2, 1, 2))
    for places in (None, torch.zeros(3, 1, 2), torch.zeros(2, 2)):
        with pytest.raises(CaptureError, match=r'needs the places of joints, \(2, K, 2\)'):
            JointCrops().apply(MAPS, places)
