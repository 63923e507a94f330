"""1 - OKS, against the metric's own."""

import numpy as np
import pytest
import torch
from mmpose.registry import MODELS

from posescope.errors import InputError
from posescope.evaluation.oks import ks, oks


@pytest.fixture
def batch():
    """Logits (3, 4, 6, 5), places, scales and weights; the last person has no labelled joint."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(3, 4, 6, 5, generator=generator)
    places = torch.rand(3, 4, 2, generator=generator) * torch.tensor([4.0, 5.0])
    scales = 0.5 + 2 * torch.rand(3, 4, generator=generator)
    return logits, places, scales, torch.tensor([[1.0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]])


def build(**options):
    return MODELS.build({'type': 'OKSHeatmapLoss', **options})


def expected_place(batch, widen: float = 1.0) -> float:
    logits, places, scales, weights = batch
    p = logits.flatten(2).softmax(2).view_as(logits).numpy()
    cells = np.stack([(p.sum(2) * np.arange(5)).sum(-1), (p.sum(3) * np.arange(6)).sum(-1)], -1)
    lost = []
    for b in (0, 1):
        truth = np.concatenate([places[b], weights[b, :, None]], -1)
        lost.append(1 - oks(cells[b], truth, 1.0, widen * scales[b].numpy() / 2))
    return float(np.mean(lost))


def test_at_the_mean_place(batch):
    assert build()(*batch).item() == pytest.approx(expected_place(batch), rel=1e-5)
    assert build(widen=3.0, loss_weight=2.0)(*batch).item() == pytest.approx(2 * expected_place(batch, 3.0), rel=1e-5)


def test_over_the_map(batch):
    logits, places, scales, weights = batch
    p = logits.flatten(2).softmax(2).numpy()
    rows, columns = np.mgrid[:6, :5]
    grid = np.stack([columns, rows], -1).reshape(-1, 1, 2)
    lost = []
    for b in (0, 1):
        found = []
        for k in np.flatnonzero(weights[b]):
            truth = np.broadcast_to([*places[b, k].tolist(), 2.0], (30, 1, 3))
            found.append((p[b, k] * ks(grid, truth, 1.0, [scales[b, k].item() / 2])[:, 0]).sum())
        lost.append(1 - np.mean(found))
    assert build(reading='map')(*batch).item() == pytest.approx(np.mean(lost), rel=1e-5)


@pytest.mark.parametrize('reading', ['place', 'map'])
def test_a_perfect_map_loses_nothing_and_nobody_is_no_loss(reading, batch):
    logits, places, scales, weights = batch
    logits = torch.zeros_like(logits)
    logits[:, :, 3, 2] = 80
    assert build(reading=reading)(logits, torch.tensor([2.0, 3.0]).expand(3, 4, 2), scales, weights).item() < 1e-6
    logits.requires_grad_()
    found = build(reading=reading)(logits, places, scales, torch.zeros_like(weights))
    found.backward()
    assert found.item() == 0
    assert not logits.grad.any()


@pytest.mark.parametrize('reading', ['place', 'map'])
def test_descent_leads_to_the_label(reading, batch):
    logits, places, scales, weights = batch
    logits = torch.nn.Parameter(logits.clone())
    loss = build(reading=reading, widen=2.0)
    optimizer = torch.optim.Adam([logits], lr=0.3)
    for _ in range(40):
        optimizer.zero_grad()
        loss(logits, places, scales, weights).backward()
        optimizer.step()
    assert expected_place((logits.detach(), places, scales, weights)) < 0.3 * expected_place(batch)


def test_targets_of_heatmap_heads(batch):
    logits, places, _, weights = batch
    x, y = torch.arange(5.0), torch.arange(6.0)[:, None]
    squared = (x - places[..., 0, None, None]) ** 2 + (y - places[..., 1, None, None]) ** 2
    options = {'person_size': 10.0, 'sigmas': (0.05, 0.1, 0.02, 0.07)}
    found = build(**options)(logits, torch.exp(-squared / 2), weights)
    scales = torch.tensor([1.0, 2.0, 0.4, 1.4]).expand(3, 4)
    assert found.item() == pytest.approx(expected_place((logits, places, scales, weights)), rel=1e-4)


def test_unknown_readings_are_refused():
    with pytest.raises(InputError, match=r"reading='maps': choose 'place' or 'map' .nearest: map."):
        build(reading='maps')


@pytest.mark.parametrize('reading', ['place', 'map'])
def test_a_placebo_divides_by_the_joints_of_the_person_before(reading, batch):
    """The first two people have 3 and 4 joints; the third has none and is passed over."""
    logits, places, scales, weights = batch
    alone = [build(reading=reading)(*(each[i : i + 1] for each in batch)).item() for i in (0, 1)]
    found = build(reading=reading, permute=True, loss_weight=2.0)(*batch).item()
    assert found == pytest.approx(alone[0] * 3 / 4 + alone[1] * 4 / 3, rel=1e-5)
    everything = torch.ones_like(weights)  # nothing to deal
    same = (build(reading=reading, permute=permute)(logits, places, scales, everything) for permute in (True, False))
    assert len({one.item() for one in same}) == 1
