"""Which map what is computed from several maps lies on."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from posescope.capture.carried_grids import Origin
from posescope.capture.geometry import GeometryWatch
from posescope.capture.grid import Grid

STEPS = Grid((4.0, 4.0), (0.0, 0.0))
"""Of two convolutions with padding."""
PATCHES = Grid((4.0, 4.0), (1.5, 1.5))
"""Of one window of four pixels."""
COARSE = Grid((8.0, 8.0), (0.0, 0.0))


class Maps(nn.Module):
    """Gives a function maps of one size on two grids, and a coarser one, and keeps where its result lies."""

    def __init__(self, combine: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.combine = combine
        self.convolutions = nn.ModuleList(nn.Conv2d(c, 2, 3, 2, 1) for c in (3, 2, 2))
        self.patches = nn.Conv2d(3, 2, 4, 4)
        self.watch = GeometryWatch(self)
        self.found: Origin | None = None

    def forward(self, picture: Tensor) -> Tensor:
        steps = self.convolutions[1](self.convolutions[0](picture))
        result = self.combine(steps, self.patches(picture), self.convolutions[2](steps))
        self.found = self.watch.origin(result)
        return result


def origin_of(combine: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Origin | None:
    model = Maps(combine)
    with model.watch:
        model(torch.rand(2, 3, 32, 24))
    return model.found


@pytest.mark.parametrize(
    ('combine', 'grid'),
    [
        (lambda steps, patches, coarse: steps + patches, STEPS),
        (lambda steps, patches, coarse: patches + steps, PATCHES),
        (lambda steps, patches, coarse: patches.add_(steps), PATCHES),
        (lambda steps, patches, coarse: torch.cat([steps, patches], 1), STEPS),
        (lambda steps, patches, coarse: coarse.mean((2, 3), keepdim=True).sigmoid() * patches, PATCHES),
        (lambda steps, patches, coarse: F.adaptive_avg_pool2d(steps, 1) * patches, PATCHES),
        (lambda steps, patches, coarse: torch.cat([F.interpolate(coarse, scale_factor=2), patches], 1), PATCHES),
        (lambda steps, patches, coarse: F.interpolate(coarse, scale_factor=2), PATCHES),  # the last map of this size
        (lambda steps, patches, coarse: coarse, COARSE),
        (lambda steps, patches, coarse: F.layer_norm(steps.flatten(2).mT, (2,)).chunk(2, -1)[1], STEPS),
        (lambda steps, patches, coarse: steps.flatten(2).mT @ patches.flatten(2), STEPS),  # queries before keys
        (lambda steps, patches, coarse: F.pad(steps.permute(0, 2, 3, 1), (0, 0, 0, 1, 0, 1)), STEPS),  # channels last
        (lambda steps, patches, coarse: patches.detach().clone().cpu(), PATCHES),
    ],
)
def test_what_comes_of_several_maps(combine: Callable[[Tensor, Tensor, Tensor], Tensor], grid: Grid) -> None:
    origin = origin_of(combine)
    assert origin is not None
    assert origin.grid == grid


def test_what_comes_of_no_map_lies_nowhere() -> None:
    assert origin_of(lambda steps, patches, coarse: torch.zeros(2, 2, 8, 6)) is None


def test_memory_that_is_used_again_forgets_what_it_held() -> None:
    def again(steps: Tensor, patches: Tensor, coarse: Tensor) -> Tensor:
        for _ in range(50):  # the allocator gives the same memory again, or at least the tensors' descriptions
            kept = steps * 2
            del kept
            fresh = torch.ones_like(steps)
            assert model.watch.origin(fresh) == model.watch.origin(torch.ones_like(steps))
            origin = model.watch.origin(torch.rand(2, 2, 8, 6))
            assert origin is None
        return steps

    model = Maps(again)
    with torch.no_grad(), model.watch:
        model(torch.rand(2, 3, 32, 24))


def test_a_channels_last_map_makes_no_grid_of_its_columns_and_channels() -> None:
    model = Maps(lambda steps, patches, coarse: F.pad(steps.permute(0, 2, 3, 1), (0, 0, 0, 1, 0, 1)))
    with model.watch:
        model(torch.rand(2, 3, 32, 24))
    assert set(model.watch.grids) == {(32, 24), (16, 12), (8, 6), (4, 3)}
