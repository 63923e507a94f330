"""The losses of categorical heatmaps, against loops over cells."""

import numpy as np
import pytest
import torch
from mmpose.registry import MODELS

from posescope.errors import InputError
from posescope.evaluation.oks import ks


@pytest.fixture
def batch():
    """Logits (2, 3, 6, 5), places, scales and weights."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 6, 5, generator=generator)
    places = torch.rand(2, 3, 2, generator=generator) * torch.tensor([4.0, 5.0])
    scales = 0.3 + torch.rand(2, 3, generator=generator)
    return logits, places, scales, torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])


def cells(batch):
    """For every joint that counts: its probabilities (30,), its place, its scale, and the cells (30, 2) as x, y."""
    logits, places, scales, weights = batch
    rows, columns = np.mgrid[:6, :5]
    grid = np.stack([columns, rows], -1).reshape(-1, 2)
    for b, k in np.argwhere(weights.numpy() > 0):
        yield logits[b, k].flatten(), places[b, k].numpy(), scales[b, k].item(), grid


def test_cross_entropy_is_torchs(batch):
    found = MODELS.build({'type': 'CategoricalHeatmapLoss', 'sigma': 0.7})(*batch)
    expected = []
    for logits, place, _, grid in cells(batch):
        target = np.exp(-((grid - place) ** 2).sum(1) / (2 * 0.7**2))
        target = torch.as_tensor(target / target.sum(), dtype=torch.float32)
        expected.append(torch.nn.functional.cross_entropy(logits[None], target[None]))
    assert found.item() == pytest.approx(torch.stack(expected).mean().item(), rel=1e-5)


def test_expected_similarity_is_cocos(batch):
    found = MODELS.build({'type': 'ExpectedOKSLoss', 'loss_weight': 2.0})(*batch)
    expected = []
    for logits, place, scale, grid in cells(batch):
        truth = np.broadcast_to([*place, 2.0], (30, 1, 3))
        similarity = ks(grid[:, None], truth, 1.0, [scale / 2])[:, 0]
        expected.append(1 - (logits.softmax(0).numpy() * similarity).sum())
    assert found.item() == pytest.approx(2 * np.mean(expected), rel=1e-5)


@pytest.mark.parametrize('loss', [{'type': 'CategoricalHeatmapLoss', 'sigma': 0.7}, {'type': 'ExpectedOKSLoss'}])
def test_what_does_not_count_does_not_matter(loss, batch):
    logits, places, scales, weights = batch
    loss = MODELS.build(loss)
    elsewhere = torch.where(weights[..., None] > 0, places, torch.tensor(-1e6))
    logits.requires_grad_()
    value = loss(logits, elsewhere, scales, weights)
    value.backward()
    assert value.item() == loss(logits, places, scales, weights).item()
    assert logits.grad.isfinite().all()
    assert not logits.grad[weights == 0].any()
    assert logits.grad[weights > 0].abs().flatten(1).sum(1).all()
    assert loss(logits, places, scales, torch.zeros_like(weights)).item() == 0


def test_descent_leads_to_the_label(batch):
    """Both losses together: the map's best cell ends at the label's."""
    logits, places, scales, weights = batch
    logits = torch.nn.Parameter(logits)
    losses = [MODELS.build({'type': 'CategoricalHeatmapLoss', 'sigma': 0.6}), MODELS.build({'type': 'ExpectedOKSLoss'})]
    optimizer = torch.optim.Adam([logits], lr=0.3)
    for _ in range(60):
        optimizer.zero_grad()
        sum(loss(logits, places, scales, weights) for loss in losses).backward()
        optimizer.step()
    best = logits.flatten(2).argmax(2)
    found = torch.stack([best % 5, best // 5], -1)
    assert ((found - places).abs().amax(-1)[weights > 0] <= 0.5 + 1e-6).all()


@pytest.mark.parametrize('kind', ['ExpectedOKSLoss', 'CategoricalHeatmapLoss'])
def test_labels_of_another_head_are_refused(kind):
    loss = MODELS.build({'type': kind, **({'sigma': 0.6} if kind == 'CategoricalHeatmapLoss' else {})})
    with pytest.raises(InputError, match=f"{kind} is a loss of type='CategoricalHeatmapHead'"):
        loss(torch.rand(2, 3, 4, 5), torch.rand(2, 3, 4, 5), torch.ones(2, 3))
