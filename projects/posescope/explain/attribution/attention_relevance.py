"""Attention weighted by gradients, through the layers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from posescope.capture.attention import AttentionCall, attention_layers
from posescope.capture.attention.product_watch import Product, ProductWatch
from posescope.capture.attention.readers.fused_product import read_product
from posescope.capture.geometry import GeometryWatch, grid_of_tokens
from posescope.capture.interception import Interception
from posescope.errors import InputError
from posescope.explain.attribution.attention_rollout import cells_under
from posescope.explain.attribution.gradients import backward_each
from posescope.explain.attribution.joint_tokens import check_cells_go_on, through_cells, tokens_of_head
from posescope.explain.attribution.method import Method, channels_last, chunks
from posescope.explain.attribution.to_pixels import to_pixels
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget

__all__ = ['AttentionRelevance']


class AttentionRelevance(Method):
    """Which cells' attention speaks for the target (H. Chefer et al., Generic Attention-Model Explainability, 2021).

    With A the attention of a layer and G the target's gradient at it, relevance R, which begins as the identity, grows
    by mean over heads of (A · G)⁺, times R. The paper reads the row of the class token; here it is that of the token
    under the joint, without the identity, or that of the joint's own token where it has one, as in ``JointTokenHead``.
    Only models have it that call PyTorch's fused attention between cells of one map, such as ViTPose. It is never
    negative.

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
        products = _Products()
        with torch.enable_grad():
            with GeometryWatch(function.model) as watch, products.watch(function):
                scores = bound.score(function(channels_last(inputs).requires_grad_()), rows)
            stacks = self._stacks(function, products, watch, len(inputs))
            kept = [product for stack in stacks for product in stack.products]
            of_all = list(backward_each(scores, [product.output for product in kept], joints))
        last = stacks[-1]
        grid = watch.grids[last.size]
        calls = [stack.calls() for stack in stacks]
        queries = torch.tensor(joints, device=inputs.device).expand(len(inputs), -1)
        if not last.joints:
            last_call = calls[-1][-1]
            last_call.query_grid, last_call.query_prefix = last.size, last.prefix
            queries = last_call.queries_at(cells_under(bound.places[rows][:, joints], grid))
        attention = [[call.full() for call in some] for some in calls]
        people = torch.arange(len(inputs), device=inputs.device)
        found = []
        for number, gradients in enumerate(of_all):
            behind = gradients[len(kept) - len(last.products) :]
            relevance = _relevance(calls[-1], attention[-1], behind)
            row = relevance[people, queries[:, number]] - last.identity(inputs)[queries[:, number]]
            row = row[:, last.cells]
            if len(stacks) > 1:
                before = stacks[0]
                mixed = _relevance(calls[0], attention[0], gradients[: len(before.products)])
                row = through_cells(row[:, None], mixed, before.prefix, row.shape[-1])[:, 0]
            found.append(row.unflatten(-1, last.size))
        return to_pixels(torch.stack(found, 1), grid, (int(inputs.shape[2]), int(inputs.shape[3])))

    def _stacks(
        self, function: PoseFunction, products: '_Products', watch: GeometryWatch, people: int
    ) -> list['_Stack']:
        """Layers between cells, and those between joints' tokens and cells, of which at least one has some."""
        tokens = tokens_of_head(function)
        laid = [(product, _map_of(product, watch, function)) for product in products.before]
        if not tokens:
            laid += [(product, _map_of(product, watch, function)) for product in products.in_head]
            products.in_head = []
        kept = [(product, found) for product, found in laid if found is not None]
        self._check_products(function, laid, kept, people)
        joined = [(product, _map_behind(product, tokens, watch)) for product in products.in_head]
        ours = [(product, found) for product, found in joined if found is not None]
        if len(ours) < len(joined):
            raise InputError(self._refusal(function, 'a head with attention between other tokens'))
        stacks = [_Stack([one for one, _ in some], *some[-1][1]) for some in (kept, ours) if some]
        if not stacks:
            raise InputError(self._refusal(function, 'none'))
        if ours:
            stacks[-1].joints = True
        if len(stacks) > 1:
            check_cells_go_on(function, self.name, stacks[0].size, stacks[1].size)
        return stacks

    def _check_products(
        self,
        function: PoseFunction,
        seen: list[tuple[Product, '_Map | None']],
        kept: list[tuple[Product, '_Map']],
        people: int,
    ) -> None:
        """Refuse backbones with other attention than fused attention between the cells of one map."""
        lengths = {product.query.shape[-2] for product, _ in kept}
        if len(lengths) > 1 or any(len(product.query) != people for product, _ in kept):
            raise InputError(self._refusal(function, 'windows or maps of several sizes'))
        if len(seen) > len(kept):
            raise InputError(self._refusal(function, f'{len(seen) - len(kept)} of {len(seen)} calls of another kind'))
        unseen = [name for name in attention_layers(function.model) if name.startswith('backbone.')]
        if unseen and not kept:
            raise InputError(self._refusal(function, f'attention of another kind ({unseen[0]}, …)'))

    def _refusal(self, function: PoseFunction, what: str) -> str:
        return (
            f"method '{self.name}' needs fused attention between the cells of one map, and "
            f'{type(function.model).__name__} with {type(function.model.backbone).__name__} has {what}'
        )


_Map = tuple[tuple[int, int], int]
"""Rows and columns, and how many tokens come before."""


@dataclass
class _Stack:
    """Layers that pass on one sequence, from the first to the last.

    Attributes:
        products: Of each.
        size: Rows and columns of the map in the sequence.
        prefix: How many tokens come before it.
        joints: Whether these are the joints' tokens.
    """

    products: list[Product]
    size: tuple[int, int]
    prefix: int
    joints: bool = False

    @property
    def cells(self) -> slice:
        """Tokens that are cells."""
        return slice(self.prefix, self.prefix + self.size[0] * self.size[1])

    def calls(self) -> list[AttentionCall]:
        """Of each layer."""
        return [read_product('attention', product) for product in self.products]

    def identity(self, like: Tensor) -> Tensor:
        """(L, L) float32, where the relevance of a sequence begins."""
        return torch.eye(self.products[0].query.shape[-2], device=like.device)


class _Products:
    """Fused attention of a pass, that within the head apart."""

    def __init__(self) -> None:
        self.before: list[Product] = []
        self.in_head: list[Product] = []
        self._within = False

    @contextmanager
    def watch(self, function: PoseFunction) -> Iterator[None]:
        """While entered, keep every call."""
        head = Interception(function.readout.head, before=self._enter, after=self._leave, name='head')
        with head, ProductWatch(self._receive):
            yield

    def _receive(self, product: Product) -> None:
        (self.in_head if self._within else self.before).append(product)

    def _enter(self, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        self._within = True

    def _leave(self, output: Any) -> Any:
        self._within = False
        return output


def _map_of(product: Product, watch: GeometryWatch, function: PoseFunction) -> _Map | None:
    """The map between whose tokens attention is, after those that the backbone puts before it; None for none."""
    length = product.query.shape[-2]
    square = product.query.ndim == 4 and product.key.shape[-2] == length
    return grid_of_tokens(length, watch, function.model) if square else None


def _map_behind(product: Product, prefix: int, watch: GeometryWatch) -> _Map | None:
    """The map after the joints' tokens of a head; None where attention is not between these and cells."""
    length = product.query.shape[-2]
    if product.query.ndim != 4 or product.key.shape[-2] != length:
        return None
    fitting = [size for size in watch.grids if size[0] * size[1] == length - prefix]
    return (fitting[-1], prefix) if fitting else None


@torch.no_grad()
def _relevance(calls: list[AttentionCall], attention: list[Tensor], gradients: tuple[Tensor | None, ...]) -> Tensor:
    """Relevance (B, L, L), with the identity that it began as.

    Args:
        calls: From the first layer to the last.
        attention: (B, heads, L, L) of each.
        gradients: (B, heads, L, d) of the target at each call's output; None where it does not depend on it.
    """
    identity = torch.eye(attention[0].shape[-1], device=attention[0].device)
    relevance = identity.expand(len(attention[0]), -1, -1)
    for call, weights, gradient in zip(calls, attention, gradients, strict=True):
        if gradient is not None:
            assert call.v is not None
            at_weights = gradient.float() @ call.v.float().transpose(-2, -1)
            relevance = relevance + (weights * at_weights).clamp(min=0).mean(1) @ relevance
    return relevance
