from collections.abc import Iterator
from typing import Any

import pytest
import torch
from mmpretrain.models.utils import ShiftWindowMSA
from torch import Tensor

from posescope.capture.grid import Grid
from posescope.errors import InputError
from posescope.explain.attribution.attention_relevance import AttentionRelevance
from posescope.explain.attribution.to_pixels import to_pixels
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets import BoundTarget
from tests.explain.attribution.explained import JOINTS, bind, explained
from tests.explain.small_models import crops, fresh


def test_equals_gradients_of_attention_that_is_computed_openly(monkeypatch: pytest.MonkeyPatch) -> None:
    made, inputs, bound = explained('vit')
    found = AttentionRelevance(batch_size=1).attribute(made, inputs, bound, JOINTS)
    kept: list[Tensor] = []

    def openly(query: Tensor, key: Tensor, value: Tensor, **_: Any) -> Tensor:
        kept.append((query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5).softmax(-1))
        return kept[-1] @ value

    for layer in made.model.backbone.layers:
        monkeypatch.setattr(layer.attn, 'scaled_dot_product_attention', openly)
    scores = bound.score(made(inputs))
    cells = ((bound.places.flip(-1) - 5.5) / 16).round()
    queries = cells[..., 0].clamp(0, 7).long() * 6 + cells[..., 1].clamp(0, 5).long()
    expected = []
    for joint in JOINTS:
        gradients = torch.autograd.grad(scores[:, joint].sum(), kept, retain_graph=True)
        relevance = torch.eye(48).expand(2, -1, -1)
        for attention, gradient in zip(kept, gradients, strict=True):
            relevance = relevance + (attention * gradient).relu().mean(1) @ relevance
        expected.append((relevance - torch.eye(48))[torch.arange(2), queries[:, joint]])
    laid = torch.stack(expected, 1).detach().unflatten(2, (8, 6))
    assert (laid.amax((2, 3)) > 0).all()
    wanted = to_pixels(laid, Grid((16.0, 16.0), (5.5, 5.5)), (128, 96))
    torch.testing.assert_close(found, wanted, atol=1e-4 * float(wanted.max()), rtol=1e-3)


def attended_openly(
    made: PoseFunction, inputs: Tensor, bound: BoundTarget, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Attention (N, heads, L, L) and its gradient, layer by layer, for each of JOINTS."""
    kept: list[Tensor] = []

    def openly(query: Tensor, key: Tensor, value: Tensor, **_: Any) -> Tensor:
        kept.append((query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5).softmax(-1))
        return kept[-1] @ value

    monkeypatch.setattr(torch.nn.functional, 'scaled_dot_product_attention', openly)
    for layer in getattr(made.model.backbone, 'layers', ()):
        monkeypatch.setattr(layer.attn, 'scaled_dot_product_attention', openly)
    scores = bound.score(made(inputs))
    for joint in JOINTS:
        gradients = torch.autograd.grad(scores[:, joint].sum(), kept, retain_graph=True)
        yield [(attention.detach(), gradient) for attention, gradient in zip(kept, gradients, strict=True)]


@pytest.mark.parametrize('name', ['joint_tokens', 'transpose', 'vit_joint_tokens'])
def test_a_joint_has_the_row_of_its_own_token_or_of_the_cell_under_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, inputs, bound = explained(name)
    found = AttentionRelevance(batch_size=1).attribute(made, inputs, bound, JOINTS)
    size, grid = ((8, 6), Grid((16.0, 16.0), (5.5, 5.5))) if 'vit' in name else ((16, 12), Grid((8.0, 8.0), (0.0, 0.0)))
    cells, prefix = size[0] * size[1], 0 if name == 'transpose' else 17
    rows = []
    for joint, layers in zip(JOINTS, attended_openly(made, inputs, bound, monkeypatch), strict=True):
        relevance = torch.eye(prefix + cells).repeat(2, 1, 1)
        for attention, gradient in layers:
            count = attention.shape[-1]
            added = torch.zeros_like(relevance)  # joints take no part in the backbone's layers
            added[:, -count:, -count:] = (attention * gradient).relu().mean(1)
            relevance = relevance + added @ relevance
        relevance = relevance - torch.eye(prefix + cells)
        x, y = ((bound.places[:, joint] / 8).round().long()).unbind(-1)
        query = y.clamp(0, 15) * 12 + x.clamp(0, 11) if name == 'transpose' else torch.full((2,), joint)
        rows.append(relevance[torch.arange(2), query, prefix:])
    wanted = to_pixels(torch.stack(rows, 1).unflatten(2, size), grid, (128, 96))
    assert (wanted.amax((2, 3)) > 0).all()
    torch.testing.assert_close(found, wanted, atol=1e-4 * float(wanted.max()), rtol=1e-3)


def test_attention_of_the_backbone_that_is_not_fused_is_not_left_out() -> None:
    """Otherwise the head's alone would be drawn as if it were all."""
    made, inputs = fresh('joint_tokens'), crops()
    made.model.backbone.windows = ShiftWindowMSA(16, 2, 4)
    with pytest.raises(InputError, match=r'ResNet has attention of another kind \(backbone\.windows'):
        AttentionRelevance().attribute(made, inputs, bind(made, inputs), JOINTS)


@pytest.mark.parametrize('name', ['resnet', 'rtmpose'])
def test_models_without_attention_between_cells_are_refused(name: str) -> None:
    with pytest.raises(InputError, match='has none'):
        AttentionRelevance().attribute(*explained(name), JOINTS)
