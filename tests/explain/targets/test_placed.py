import torch

from posescope.explain.targets.placed import at_cells


def test_maps_are_read_at_column_and_row() -> None:
    maps = torch.arange(24.0).view(1, 2, 3, 4)
    assert at_cells(maps, torch.tensor([[[3, 0], [1, 2]]])).tolist() == [[3, 12 + 2 * 4 + 1]]
