import torch

from posescope.capture.grid import Grid
from posescope.explain.attribution.spatial_layer import SpatialLayer
from posescope.explain.depth.patch_regions import cells_under, changed_pixels, discs_around, patched

LAYER = SpatialLayer('a', Grid((4.0, 4.0), (1.5, 1.5)), (4, 6))


def region(*pixels: tuple[int, int]) -> torch.Tensor:
    found = torch.zeros(1, 16, 24, dtype=torch.bool)
    for row, column in pixels:
        found[0, row, column] = True
    return found


def test_a_cell_belongs_to_the_pixels_it_is_nearest_to() -> None:
    assert cells_under(LAYER, region((0, 0))).nonzero().tolist() == [[0, 0, 0]]
    assert cells_under(LAYER, region((3, 4), (15, 23))).nonzero().tolist() == [[0, 0, 1], [0, 3, 5]]
    assert not cells_under(LAYER, region()).any()


def test_discs_hold_their_pixels_and_one_at_least() -> None:
    found = discs_around(torch.tensor([[[5.0, 4.0], [20.4, 9.6]]]), 1.0, (16, 24))[0]
    assert found.nonzero().tolist() == [[3, 5], [4, 4], [4, 5], [4, 6], [5, 5], [9, 20], [9, 21], [10, 20], [10, 21]]
    assert discs_around(torch.tensor([[[30.0, -2.0]]]), 0.1, (16, 24))[0].nonzero().tolist() == [[0, 23]]


def test_every_form_of_a_layer_is_patched_in_its_cells() -> None:
    cells = cells_under(LAYER, region((5, 9)))
    maps, other = torch.zeros(1, 2, 4, 6), torch.ones(1, 2, 4, 6)
    expected = torch.zeros(1, 2, 4, 6)
    expected[:, :, 1, 2] = 1
    assert torch.equal(patched(LAYER, maps, other, cells), expected)
    last = SpatialLayer('a', LAYER.grid, LAYER.size, 'channels last')
    assert torch.equal(patched(last, maps.movedim(1, -1), other.movedim(1, -1), cells), expected.movedim(1, -1))
    tokens = SpatialLayer('a', LAYER.grid, LAYER.size, 'tokens', prefix=1)
    found = patched(tokens, torch.zeros(1, 26, 2), torch.ones(1, 26, 2), cells)
    assert found.nonzero().tolist() == [[0, 1 + 6 + 2, 0], [0, 1 + 6 + 2, 1]]


def test_changed_pixels_are_those_of_any_colour() -> None:
    clean = torch.zeros(1, 3, 4, 4)
    other = clean.clone()
    other[0, 2, 1, 3] = 1e-3
    assert changed_pixels(clean, other).nonzero().tolist() == [[0, 1, 3]]
