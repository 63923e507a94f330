from typing import Any

import pytest
import torch
from torch import Tensor

from posescope.capture.grid import Grid
from posescope.errors import InputError
from posescope.explain.attribution.attention_relevance import AttentionRelevance
from posescope.explain.attribution.to_pixels import to_pixels
from tests.explain.attribution.explained import JOINTS, explained


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


@pytest.mark.parametrize('name', ['resnet', 'rtmpose'])
def test_models_without_attention_between_cells_are_refused(name: str) -> None:
    with pytest.raises(InputError, match='has none'):
        AttentionRelevance().attribute(*explained(name), JOINTS)
