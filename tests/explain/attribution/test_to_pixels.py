import numpy as np
import torch
import torch.nn.functional as F

from posescope.capture.grid import Grid
from posescope.explain.attribution.to_pixels import to_pixels


def test_cells_that_share_the_inputs_edges_are_enlarged_as_pytorch_does() -> None:
    maps = torch.randn(2, 3, 8, 6)
    expected = F.interpolate(maps, (32, 24), mode='bilinear', align_corners=False)
    torch.testing.assert_close(to_pixels(maps, Grid((4.0, 4.0), (1.5, 1.5)), (32, 24)), expected)


def test_a_cell_lies_where_its_grid_says() -> None:
    maps = torch.zeros(1, 5, 5)
    maps[0, 2, 3] = 1
    found = to_pixels(maps, Grid((8.0, 4.0), (1.0, 2.0)), (40, 20))[0]
    assert found[17, 14] == 1
    assert found.max() == 1
    rows, columns = np.arange(40), np.arange(20)
    expected = np.clip(1 - abs(rows - 17) / 8, 0, 1)[:, None] * np.clip(1 - abs(columns - 14) / 4, 0, 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_beyond_the_outermost_cell_maps_stay_constant() -> None:
    found = to_pixels(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), Grid((4.0, 4.0), (6.0, 6.0)), (16, 16))[0]
    assert found[0, 0] == 1
    assert found[15, 15] == 4
    assert found[8, 15] == 3
