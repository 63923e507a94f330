import torch
import torch.nn.functional as F

from posescope.capture.grid import aligned_by_halves
from posescope.explain.attribution.spatial_layer import SpatialLayer
from posescope.explain.depth.pixel_patches import PixelPatches

PICTURES = torch.rand(2, 3, 64, 48, generator=torch.Generator().manual_seed(0))


def patches(rows: int, columns: int) -> torch.Tensor:
    layer = SpatialLayer('a', aligned_by_halves((rows, columns), (64, 48)), (rows, columns))
    return PixelPatches({'a': layer}).of(PICTURES)['a']


def test_small_patches_hold_their_pixels() -> None:
    torch.testing.assert_close(patches(16, 12), F.pixel_unshuffle(PICTURES, 4))


def test_large_patches_are_averaged() -> None:
    torch.testing.assert_close(patches(4, 3), F.pixel_unshuffle(F.avg_pool2d(PICTURES, 2), 8))


def test_cells_that_are_not_square() -> None:
    found = patches(32, 12)  # cells of 2 × 4 pixels
    assert found.shape == (2, 24, 32, 12)
    inside = PICTURES[0, :, 2 * 5 : 2 * 5 + 2, 4 * 7 : 4 * 7 + 4]
    torch.testing.assert_close(found[0, :, 5, 7], inside.flatten())
