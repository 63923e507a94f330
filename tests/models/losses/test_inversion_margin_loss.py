"""Maps with all mass in one cell, for which the hinge is known."""

import math

import pytest
import torch
from mmpose.registry import MODELS

from posescope.errors import InputError

FLIP = [0, 2, 1]
PLACES = torch.tensor([[[3.0, 1.0], [1.0, 2.0], [4.0, 6.0]]])
SCALES = torch.full((1, 3), 2.0)
OVERLAP = math.exp(-(3**2 + 4**2) / (2 * 2.0**2))


def loss(**options) -> torch.nn.Module:
    return MODELS.build({'type': 'InversionMarginLoss', 'margin': 0.4, 'flip_indices': FLIP, **options})


def certain(*cells: tuple[int, int]) -> torch.Tensor:
    """Logits (1, K, 8, 6) with all mass in a cell, x and y, each."""
    maps = torch.zeros(1, len(cells), 8, 6)
    for joint, (x, y) in enumerate(cells):
        maps[0, joint, y, x] = 60.0
    return maps


def value(maps: torch.Tensor, weights: tuple[float, ...] = (1, 1, 1), **options) -> float:
    return loss(**options)(maps, PLACES, SCALES, torch.tensor([weights])).item()


def test_joints_at_their_places_cost_nothing_and_inverted_ones_most() -> None:
    assert value(certain((0, 0), (1, 2), (4, 6))) == 0
    assert value(certain((0, 0), (4, 6), (1, 2))) == pytest.approx(1.4 * (1 - OVERLAP), rel=1e-5)
    one_wrong = value(certain((0, 0), (1, 2), (1, 2)), loss_weight=3.0)
    assert one_wrong == pytest.approx(3 * 1.4 * (1 - OVERLAP) / 2, rel=1e-5)


def test_a_joint_between_both_places_lacks_the_whole_margin() -> None:
    even = certain((0, 0), (1, 2), (4, 6))
    even[0, 1] = even[0, 2] = torch.maximum(even[0, 1], even[0, 2])
    assert value(even) == pytest.approx(0.4 * (1 - OVERLAP), rel=1e-5)


def test_both_joints_have_to_be_labelled() -> None:
    inverted = certain((0, 0), (4, 6), (1, 2))
    assert value(inverted, (1, 1, 0)) == 0
    assert value(inverted, (0, 1, 1)) == value(inverted)


def test_nothing_is_asked_where_the_places_are_one() -> None:
    together = PLACES.clone()
    together[0, 2] = together[0, 1]
    maps = torch.randn(1, 3, 8, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
    found = loss()(maps, together, SCALES, torch.ones(1, 3))
    found.backward()
    assert found.item() == 0
    assert not maps.grad.any()


def test_gradients_lead_away_from_the_mirror_joints_place() -> None:
    maps = torch.zeros(1, 3, 8, 6, requires_grad=True)
    loss()(maps, PLACES, SCALES, torch.ones(1, 3)).backward()
    assert maps.grad[0, 1, 6, 4] > 0 > maps.grad[0, 1, 2, 1]
    assert not maps.grad[0, 0].any()


def test_targets_of_heatmap_heads_tell_the_same_places() -> None:
    """Against the labels that the targets were made of; 2 · .05 · 20 = 2 cells."""
    x, y = torch.arange(6.0), torch.arange(8.0)[:, None]
    targets = torch.stack([torch.exp(-((x - px) ** 2 + (y - py) ** 2) / 2) for px, py in PLACES[0].tolist()])[None]
    maps = torch.rand(1, 3, 8, 6, generator=torch.Generator().manual_seed(1))
    weights = torch.tensor([[1.0, 1.0, 1.0]])
    options = {'person_size': 20.0, 'sigmas': (0.05,) * 3, 'beta': 5.0}
    found = loss(**options)(maps, targets, weights)
    assert found.item() == pytest.approx(loss()(5 * maps, PLACES, SCALES, weights).item(), rel=1e-4)
    with pytest.raises(InputError, match='InversionMarginLoss person_size=None'):
        loss()(maps, targets, weights)


def test_a_person_of_no_size_costs_nothing_that_is_no_number() -> None:
    """0 / 0 where a joint is its own mirror joint."""
    inverted = certain((0, 0), (4, 6), (1, 2))
    assert math.isfinite(loss()(inverted, PLACES, torch.zeros(1, 3), torch.ones(1, 3)).item())


def test_flip_indices_of_another_skeleton_are_refused() -> None:
    with pytest.raises(InputError, match='has flip_indices of 17 joints, and there are 3'):
        value(certain((0, 0), (1, 2), (4, 6)), flip_indices=None)


def test_a_placebo_keeps_a_joint_away_from_another_pairs_place() -> None:
    pairs = [0, 2, 1, 4, 3, 6, 5]
    for seed in range(5):
        dealt = loss(flip_indices=pairs, permute=seed).flip_indices
        assert sorted(dealt) == sorted(pairs)
        assert dealt[0] == 0  # without a counterpart
        for left in (1, 3, 5):
            other = dealt[left] - 1
            assert other in {1, 3, 5} - {left}
            assert dealt[left + 1] == other
    found = {tuple(loss(flip_indices=pairs, permute=seed).flip_indices) for seed in range(12)}
    assert len(found) > 1  # dealt by the seed
    assert loss(flip_indices=None, permute=3).flip_indices == loss(flip_indices=None, permute=3).flip_indices


def test_a_placebo_costs_what_it_costs_to_be_at_the_dealt_place() -> None:
    """With two pairs there is one other: the left joint of each is kept away from the right one of the other."""
    places = torch.tensor([[[3.0, 1.0], [1.0, 2.0], [4.0, 6.0], [0.0, 5.0]]])
    swapped = loss(flip_indices=[1, 0, 3, 2], permute=0)
    assert swapped.flip_indices == [3, 2, 1, 0]
    inputs = places, torch.full((1, 4), 2.0), torch.ones(1, 4)
    mirrored = certain((1, 2), (3, 1), (4, 6), (0, 5))  # inverted, but where the placebo does not look
    elsewhere = certain((0, 5), (1, 2), (4, 6), (0, 5))
    overlap = math.exp(-(3**2 + 4**2) / (2 * 2.0**2))
    assert swapped(elsewhere, *inputs).item() == pytest.approx(1.4 * (1 - overlap) / 4, rel=1e-5)
    assert swapped(mirrored, *inputs) < loss(flip_indices=[1, 0, 3, 2])(mirrored, *inputs)


def test_one_pair_has_no_placebo() -> None:
    with pytest.raises(InputError, match='permute=0: with 1 pair of joints there is no other'):
        loss(permute=0)
