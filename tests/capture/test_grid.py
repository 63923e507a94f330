"""Grids against what gradients say: which input pixels, on average, a cell depends on.

In a network of convolutions with equal positive weights and of mean pooling, the centre of gravity of d cell / d input
is exactly the pixel that a cell looks at. Where a maximum is taken, its place in many random inputs averages to it.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from posescope.capture.geometry import GeometryWatch
from posescope.capture.grid import Grid, Step, aligned_by_halves


def centroid(function: Callable[[Tensor], Tensor], size: tuple[int, int], cell: tuple[int, int]) -> Tensor:
    """Row and column of the centre of gravity of what a cell depends on."""
    picture = torch.ones(1, 1, *size, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(function(picture)[0, :, cell[0], cell[1]].sum(), picture)
    return centre_of_gravity(gradient[0, 0])


def centre_of_gravity(weights: Tensor) -> Tensor:
    """Mean row and column of pixels (H, W) with these weights."""
    rows, columns = (torch.arange(n, dtype=torch.float64) for n in weights.shape)
    return torch.stack([(weights.sum(1) * rows).sum(), (weights.sum(0) * columns).sum()]) / weights.sum()


def even(module: nn.Module) -> nn.Module:
    """With all weights alike and positive."""
    for weight in module.parameters():
        nn.init.ones_(weight) if weight.dim() > 1 else nn.init.zeros_(weight)
    return module.double()


def conv(*args: int, **options: int) -> nn.Module:
    return nn.Conv2d(1, 1, *args, **options)


class Functional(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def focus(x: Tensor) -> Tensor:
    """Every second pixel as four channels, as YOLOX begins."""
    corners = [x[..., row::2, column::2] for column in (0, 1) for row in (0, 1)]
    return torch.cat(corners, 1).sum(1, keepdim=True)


def unfolded(x: Tensor) -> Tensor:
    """Patches as tokens, as Swin merges them."""
    tokens = F.unfold(x, 3, stride=2, padding=1).sum(1, keepdim=True)
    return tokens.unflatten(2, (x.shape[2] // 2, x.shape[3] // 2))


NETWORKS: dict[str, list[nn.Module]] = {
    'stride 1': [conv(3, padding=1)],
    'valid': [conv(5)],
    'stride 2': [conv(3, 2, 1)],
    'even kernel': [conv(4, 2, 1)],
    'even kernel, no padding': [conv(2, 2)],
    'dilated': [conv(3, 2, 2, 2)],
    'dilated, unevenly padded': [conv(3, 2, 1, 2)],
    'wide and flat': [nn.Conv2d(1, 1, (3, 5), (2, 4), (0, 1))],
    'patches': [conv(16, 16)],
    'padded patches': [conv(16, 16, 2)],
    'ResNet': [conv(7, 2, 3), nn.AvgPool2d(3, 2, 1), conv(3, 2, 1), conv(3, 2, 1), conv(3, 2, 1)],
    'VGG': [conv(3, padding=1), nn.AvgPool2d(2), conv(3, padding=1), nn.AvgPool2d(2), nn.AvgPool2d(2)],
    'ConvNeXt': [conv(4, 4), conv(2, 2), conv(2, 2)],
    'TensorFlow': [nn.ZeroPad2d((0, 1, 0, 1)), conv(3, 2), nn.ZeroPad2d((0, 1, 0, 1)), conv(3, 2)],
    'other pads': [nn.ReplicationPad2d((3, 0, 2, 0)), conv(3, 2), nn.ReflectionPad2d((1, 2, 3, 4)), conv(3, 3)],
    'cropped': [nn.ZeroPad2d((-3, 0, -1, 0)), conv(3, 2)],
    'deconvolution': [conv(16, 16, 2), nn.ConvTranspose2d(1, 1, 4, 2, 1)],
    'deconvolution, odd': [conv(8, 8), nn.ConvTranspose2d(1, 1, 3, 2, 1, 1)],
    'nearest': [conv(8, 8), nn.Upsample(scale_factor=2)],
    'bilinear': [conv(8, 8), nn.Upsample(scale_factor=2, mode='bilinear')],
    'corners': [conv(8, 8), nn.Upsample((71, 63), mode='bilinear', align_corners=True)],
    'pixel shuffle': [nn.Conv2d(1, 4, 8, 8), nn.PixelShuffle(2)],
    'pixel unshuffle': [nn.PixelUnshuffle(2), nn.Conv2d(4, 1, 3, 2, 1)],
    'adaptive pooling': [conv(3, 2, 1), nn.AdaptiveAvgPool2d((36, 32))],
    'focus': [Functional(focus), conv(3, padding=1), conv(3, 2, 1)],
    'unfold': [conv(3, 2, 1), Functional(unfolded), conv(3, 2, 1)],
}
UNEVEN = ('nearest', 'pixel shuffle', 'deconvolution', 'deconvolution, odd')
"""Neighbours among whose cells look at the same place or at unlike windows, so that only their mean is right."""
SIZE = (288, 256)


@pytest.mark.parametrize('name', NETWORKS)
def test_cells_look_where_their_gradient_is(name: str) -> None:
    network = even(nn.Sequential(*NETWORKS[name]))
    with torch.no_grad(), GeometryWatch(network) as watch:
        height, width = network(torch.ones(1, 1, *SIZE, dtype=torch.float64)).shape[2:]
    grid = watch.grids[height, width]
    # Cells in the middle, whose windows meet no border. Interpolation between two cells is symmetric only where the
    # place falls on one or half-way, hence the mean over four.
    cells = [(height // 2 + row, width // 2 + column) for row in (-1, 0, 1, 2) for column in (-1, 0, 1, 2)]
    found = torch.stack([centroid(network, SIZE, cell) for cell in cells])
    expected = torch.tensor(
        [[grid.scale[i] * cell[i] + grid.offset[i] for i in (0, 1)] for cell in cells], dtype=torch.float64
    )
    torch.testing.assert_close(found.mean(0), expected.mean(0), rtol=0, atol=1e-9)
    if name not in UNEVEN:
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    'pool', [nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(2), nn.MaxPool2d(3, 2, 1, 2), nn.MaxPool2d((4, 2), (4, 2))]
)
def test_maximum_pooling_looks_on_average_at_the_middle_of_its_window(pool: nn.MaxPool2d) -> None:
    network = nn.Sequential(pool).double()
    pictures = torch.rand(4000, 1, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad(), GeometryWatch(network) as watch:
        size = tuple(network(pictures).shape[2:])
    grid = watch.grids[size]
    _, where = nn.functional.max_pool2d(
        pictures, pool.kernel_size, pool.stride, pool.padding, pool.dilation, return_indices=True
    )
    cell = 1, 3
    found = where[:, 0, cell[0], cell[1]]
    expected = [grid.scale[i] * cell[i] + grid.offset[i] for i in (0, 1)]
    assert [float((found // 16).double().mean()), float((found % 16).double().mean())] == pytest.approx(
        expected, abs=0.1
    )


def test_known_grids() -> None:
    def grid_of(name: str) -> Grid:
        with torch.no_grad(), GeometryWatch(network := even(nn.Sequential(*NETWORKS[name]))) as watch:
            size = network(torch.ones(1, 1, *SIZE, dtype=torch.float64)).shape[2:]
        return watch.grids[tuple(size)]

    assert grid_of('ResNet') == Grid((32.0, 32.0), (0.0, 0.0))
    assert grid_of('VGG') == Grid((8.0, 8.0), (3.5, 3.5))
    assert grid_of('patches') == Grid((16.0, 16.0), (7.5, 7.5))
    assert grid_of('padded patches') == Grid((16.0, 16.0), (5.5, 5.5))
    assert grid_of('TensorFlow') == Grid((4.0, 4.0), (3.0, 3.0))
    assert grid_of('focus') == Grid((4.0, 4.0), (0.5, 0.5))


def test_grids_are_chained() -> None:
    grid = Grid((2.0, 4.0), (1.0, 0.5)).after(Step((2.0, 2.0), (0.5, -1.0)))
    assert grid == Grid((4.0, 8.0), (2.0, -3.5))
    assert aligned_by_halves((8, 6), (256, 192)) == Grid((32.0, 32.0), (15.5, 15.5))
