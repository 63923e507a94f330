"""Attention weighted by gradients, through the layers."""

from typing import ClassVar

import torch
from torch import Tensor

from posescope.capture.attention import AttentionCall
from posescope.capture.attention.product_watch import Product, ProductWatch
from posescope.capture.attention.readers.fused_product import read_product
from posescope.capture.geometry import GeometryWatch, grid_of_tokens
from posescope.errors import InputError
from posescope.explain.attribution.attention_rollout import cells_under
from posescope.explain.attribution.gradients import backward_each
from posescope.explain.attribution.method import Method, channels_last, chunks
from posescope.explain.attribution.to_pixels import to_pixels
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget

__all__ = ['AttentionRelevance']


class AttentionRelevance(Method):
    """Which cells' attention speaks for the target (H. Chefer et al., Generic Attention-Model Explainability, 2021).

    With A the attention of a layer and G the target's gradient at it, relevance R, which begins as the identity, grows
    by mean over heads of (A · G)⁺, times R. The paper reads the row of the class token; here it is that of the token
    under the joint, without the identity. Only models have it that call PyTorch's fused attention between cells of one
    map, such as ViTPose. It is never negative.

    Args:
        batch_size: Crops at once.
    """

    name: ClassVar[str] = 'attention_relevance'

    def maps(self, function: PoseFunction, inputs: Tensor, bound: BoundTarget, joints: list[int]) -> Tensor:
        """Gather relevance and read the joints' rows."""
        parts = []
        for some in chunks(len(inputs), self.batch_size):
            rows = torch.arange(some.start, some.stop, device=inputs.device)
            parts.append(self._some_maps(function, inputs[some], rows, bound, joints))
        return torch.cat(parts)

    def _some_maps(
        self, function: PoseFunction, inputs: Tensor, rows: Tensor, bound: BoundTarget, joints: list[int]
    ) -> Tensor:
        """Maps (B, K, H, W) of some people."""
        products: list[Product] = []
        with torch.enable_grad():
            with GeometryWatch(function.model) as watch, ProductWatch(products.append):
                scores = bound.score(function(channels_last(inputs).requires_grad_()), rows)
            kept = [product for product in products if _is_map(product, watch, function)]
            self._check_products(function, kept, len(inputs))
            calls = [read_product('attention', product) for product in kept]
            with torch.no_grad():
                attention = [call.full() for call in calls]
            gathered = [
                _relevance(calls, attention, gradients)
                for gradients in backward_each(scores, [product.output for product in kept], joints)
            ]
        tokens = grid_of_tokens(kept[0].query.shape[-2], watch, function.model)
        assert tokens is not None
        size, prefix = tokens
        last = calls[-1]
        last.query_grid, last.query_prefix = size, prefix
        queries = last.queries_at(cells_under(bound.places[rows][:, joints], watch.grids[size]))
        people = torch.arange(len(inputs), device=inputs.device)
        found = torch.stack([each[people, queries[:, number]] for number, each in enumerate(gathered)], 1)
        laid = found[..., prefix : prefix + size[0] * size[1]].unflatten(-1, size)
        return to_pixels(laid, watch.grids[size], (int(inputs.shape[2]), int(inputs.shape[3])))

    def _check_products(self, function: PoseFunction, products: list[Product], people: int) -> None:
        """Refuse models without fused attention between the cells of one map."""
        lengths = {product.query.shape[-2] for product in products}
        if len(lengths) != 1 or any(len(product.query) != people for product in products):
            raise InputError(
                f"method '{self.name}' needs fused attention between the cells of one map, and "
                f'{type(function.model).__name__} with {type(function.model.backbone).__name__} has '
                f'{"none" if not lengths else "windows or maps of several sizes"}'
            )


def _is_map(product: Product, watch: GeometryWatch, function: PoseFunction) -> bool:
    """Whether attention is between the tokens of a map."""
    length = product.query.shape[-2]
    square = product.query.ndim == 4 and product.key.shape[-2] == length
    return square and grid_of_tokens(length, watch, function.model) is not None


@torch.no_grad()
def _relevance(calls: list[AttentionCall], attention: list[Tensor], gradients: tuple[Tensor | None, ...]) -> Tensor:
    """Relevance (B, L, L) less the identity.

    Args:
        calls: From the first layer to the last.
        attention: (B, heads, L, L) of each.
        gradients: (B, heads, L, d) of the target at each call's output; None where it does not depend on it.
    """
    length = attention[0].shape[-1]
    identity = torch.eye(length, device=attention[0].device)
    relevance = identity.expand(len(attention[0]), -1, -1)
    for call, weights, gradient in zip(calls, attention, gradients, strict=True):
        if gradient is not None:
            assert call.v is not None
            at_weights = gradient.float() @ call.v.float().transpose(-2, -1)
            relevance = relevance + (weights * at_weights).clamp(min=0).mean(1) @ relevance
    return relevance - identity
