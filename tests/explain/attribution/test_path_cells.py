import pytest
import torch
from torch import Tensor

from posescope.explain.attribution.path_cells import PathCells, integrate


def scores(places: Tensor) -> Tensor:
    """One target that grows to 2 between .5 and .5078, one that grows evenly to 3, and one that does not change."""
    return torch.stack([2 * ((places - 0.5) * 128).clamp(0, 1), 3 * places, torch.ones_like(places)], 1)


def test_cells_are_short_where_a_target_changes() -> None:
    edges = PathCells(scores).cut(64, [0])
    assert len(edges) == 65
    assert edges[[0, -1]].tolist() == [0, 1]
    assert (edges.diff() > 0).all()
    inside = (edges > 0.5) & (edges < 0.5078)
    assert inside.sum() > 20
    assert edges.diff().max() <= 1 / 16


@pytest.mark.parametrize('joints', [[1], [2]])
def test_cells_are_of_equal_length_where_targets_change_evenly_or_not_at_all(joints: list[int]) -> None:
    torch.testing.assert_close(PathCells(scores).cut(32, joints), torch.linspace(0, 1, 33, dtype=torch.float64))


def test_few_cells_are_of_equal_length() -> None:
    torch.testing.assert_close(PathCells(scores).cut(3, [0]), torch.linspace(0, 1, 4, dtype=torch.float64))


def test_no_place_is_measured_twice() -> None:
    seen: list[float] = []

    def measured(places: Tensor) -> Tensor:
        seen.extend(places.tolist())
        return scores(places)

    cells = PathCells(measured)
    assert cells.gain.tolist() == [2, 3, 0]
    cells.cut(40, [0])
    cells.cut(80, [0])
    assert len(set(seen)) == len(seen) <= 85


def test_sums_that_are_off_are_taken_again_over_twice_as_many_cells() -> None:
    asked: list[tuple[int, list[int]]] = []

    def maps_of(edges: Tensor, joints: list[int]) -> Tensor:
        """The first joint adds up from 40 cells on, the second one always, the third is flat and gives rounding."""
        count = len(edges) - 1
        asked.append((count, joints))
        values = {0: 2.0 if count >= 40 else 1.0, 1: 2.9, 2: 1e-6}
        return torch.tensor([values[joint] for joint in joints])[:, None, None] / 4 * torch.ones(1, 2, 2)

    found = integrate(PathCells(scores), maps_of, [0, 1, 2], 10, 1000, 0.05)
    assert asked == [(10, [0, 1, 2]), (20, [0]), (40, [0])]
    torch.testing.assert_close(found.sum((1, 2)), torch.tensor([2.0, 2.9, 1e-6]))
    asked.clear()
    integrate(PathCells(scores), maps_of, [2, 0], 10, 20, 0.05)
    assert asked == [(10, [2, 0]), (20, [0])]
