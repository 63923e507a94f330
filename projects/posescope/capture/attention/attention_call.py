"""One call of an attention module: its queries and keys, from which rows of its attention are rebuilt when asked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from posescope.capture.attention.full_precision import full_precision, precision_of
from posescope.errors import CaptureError

__all__ = ['TOLERANCES', 'AttentionCall', 'GridSize', 'Kind', 'Tokens']

Kind = Literal['softmax', 'squared_relu']
"""What turns scores into weights: softmax over keys, or ``relu(scores)²`` (gated attention units, arXiv 2202.10447)."""
Tokens = Literal['grid', 'joints', 'sequence']
"""What the keys stand for: cells of a map, joints, or nobody knows."""
GridSize = tuple[int, int]
"""Height and width of a map, in cells."""

TOLERANCES = {torch.float32: 1e-4, torch.float64: 1e-4, torch.float16: 5e-3, torch.bfloat16: 4e-2}
"""How far rows times v may be from a module's own output, as a share of the largest output, by format of factors."""
_MOST_WEIGHTS = 1 << 24
"""How many weights are held at once where all rows are needed."""


@dataclass(eq=False)
class AttentionCall:
    """What one call of an attention module attended with.

    Rows are rebuilt in float32 as ``weights(scale · q kᵀ + bias)``, before any dropout, only for the queries that are
    asked for. A row of a query that may look at nothing is zero.

    Attributes:
        name: Of the module.
        q: (N, heads, Lq, d) queries.
        k: (N, heads, Lk, d) keys.
        scale: Of the products.
        bias: Broadcastable to (N, heads, Lq, Lk), added to the scaled products: relative positions, or a mask's -inf.
        kind: What turns scores into weights.
        v: (N, heads, Lk, dv) values; None once the self-check has passed.
        output: What the module itself made of these values, as ``mixed`` gives it; None likewise.
        mixed: Turns (N, heads, Lq, dv), rows times v, into the shape of ``output``; None where that is its shape.
        grid: Size of the map that the keys are cells of, row by row; None if they are none.
        prefix: How many tokens come before the map (class tokens).
        query_grid: As ``grid``, for the queries.
        query_prefix: As ``prefix``, for the queries.
        tokens: What the keys stand for.
        exact: Whether rows times v must equal the output; not where dropout was at work.
    """

    name: str
    q: Tensor
    k: Tensor
    scale: float = 1.0
    bias: Tensor | None = None
    kind: Kind = 'softmax'
    v: Tensor | None = None
    output: Tensor | None = None
    mixed: Callable[[Tensor], Tensor] | None = None
    grid: GridSize | None = None
    prefix: int = 0
    query_grid: GridSize | None = None
    query_prefix: int = 0
    tokens: Tokens = 'sequence'
    exact: bool = True

    @property
    def people(self) -> int:
        """N, how many people (or pictures) the call looked at."""
        return len(self.q)

    @property
    def queries(self) -> int:
        """How many queries a person has."""
        return self.q.shape[2]

    @torch.no_grad()
    def rows(self, queries: Tensor) -> Tensor:
        """Rebuild rows of attention.

        Args:
            queries: (N, Q) integers, which queries of each person.

        Returns:
            (N, heads, Q, Lk) float32.

        Raises:
            CaptureError: The queries are not of this batch, or beyond the last one.
        """
        queries = self._checked(queries)
        index = queries[:, None, :, None].expand(-1, self.q.shape[1], -1, self.q.shape[3])
        return self._weigh(self.q.gather(2, index), self.k, self._bias_rows(queries))

    def maps(self, queries: Tensor) -> Tensor:
        """Rebuild rows and lay them out as maps over the keys' grid; what goes to prefix tokens is not shown.

        Args:
            queries: (N, Q) integers.

        Returns:
            (N, heads, Q, h, w) float32.

        Raises:
            CaptureError: The keys are no map.
        """
        if self.grid is None:
            raise CaptureError(f'{self.name}: its {self.k.shape[2]} keys are no map that is known; pass grid=(h, w)')
        height, width = self.grid
        return self.rows(queries)[..., self.prefix : self.prefix + height * width].unflatten(-1, self.grid)

    def rows_at(self, yx: Tensor) -> Tensor:
        """Rebuild the rows of the queries at places of the map.

        Args:
            yx: (N, Q, 2) rows and columns, in cells of the queries' map, centres at integers. The nearest cell is
                taken, for places outside the nearest on the border.

        Returns:
            (N, heads, Q, h, w) float32.

        Raises:
            CaptureError: Queries or keys are no map, or a place is not a number.
        """
        return self.maps(self.queries_at(yx))

    def queries_at(self, yx: Tensor) -> Tensor:
        """Number the queries at places of the map, (N, Q) integers; ``yx`` as for :meth:`rows_at`."""
        if self.query_grid is None:
            raise CaptureError(f'{self.name}: its {self.queries} queries are no map that is known; pass grid=(h, w)')
        if not torch.isfinite(yx).all():
            raise CaptureError(f'{self.name}: a place (y, x) to look from is not a finite number')
        height, width = self.query_grid
        cells = torch.floor(yx.to(self.q.device, torch.float64) + 0.5).long()
        return self.query_prefix + cells[..., 0].clamp(0, height - 1) * width + cells[..., 1].clamp(0, width - 1)

    def full(self) -> Tensor:
        """Rebuild all rows, (N, heads, Lq, Lk) float32."""
        every = torch.arange(self.queries, device=self.q.device)
        return self.rows(every.expand(self.people, -1))

    @torch.no_grad()
    def check(self, tolerance: float | None = None) -> float:
        """Confirm that rows times v are what the module itself gave.

        Args:
            tolerance: Largest difference, as a share of the largest output; by default :data:`TOLERANCES`. Where values
                cancel each other, what rounding leaves of them is no difference.

        Returns:
            The largest absolute difference.

        Raises:
            CaptureError: The difference is larger, or the values are no longer there.
        """
        if self.v is None or self.output is None:
            raise CaptureError(f'{self.name}: values were not kept, so rows cannot be checked; use keep_values=True')
        mixed = self._mix()
        with full_precision(self.q.device.type):
            found = (mixed if self.mixed is None else self.mixed(mixed)).float()
        output = self.output.float()
        if found.shape != output.shape:
            raise CaptureError(f'{self.name}: rows times v are {tuple(found.shape)}, its output {tuple(output.shape)}')
        difference = float((found - output).abs().max()) if output.numel() else 0.0
        computed = precision_of(self.output.dtype, self.q.device.type)
        limit = TOLERANCES.get(computed, 1e-4) if tolerance is None else tolerance
        largest = float(output.abs().max()) if output.numel() else 0.0
        if not difference <= limit * largest + self._rounding():  # NaN is no agreement either
            raise CaptureError(
                f'{self.name}: rebuilt attention times v differs from its own output by {difference:.2g} of '
                f'{largest:.2g} (at most {limit:g} of it); its class is read wrongly, so its rows are not given'
            )
        return difference

    def forget_values(self) -> None:
        """Keep only what rows need."""
        self.v = self.output = self.mixed = None

    def _checked(self, queries: Tensor) -> Tensor:
        if queries.ndim != 2 or len(queries) != self.people:
            raise CaptureError(f'{self.name}: queries are {tuple(queries.shape)}, not ({self.people}, Q)')
        queries = queries.to(self.q.device, torch.long)
        if queries.numel() and not 0 <= int(queries.min()) <= int(queries.max()) < self.queries:
            raise CaptureError(f'{self.name}: has queries 0 to {self.queries - 1}, not {int(queries.max())}')
        return queries

    def _bias_rows(self, queries: Tensor) -> Tensor | None:
        """Choose the bias of queries, broadcastable to (N, heads, Q, Lk)."""
        if self.bias is None or self.bias.ndim < 2 or self.bias.shape[-2] == 1:
            return self.bias
        bias = self.bias[(None,) * (4 - self.bias.ndim)].expand(len(queries), -1, -1, -1)
        index = queries[:, None, :, None].expand(-1, bias.shape[1], -1, bias.shape[3])
        return bias.gather(2, index)

    def _weigh(self, q: Tensor, k: Tensor, bias: Tensor | None) -> Tensor:
        """Attention weights (…, Q, Lk) of queries (…, Q, d) over keys (…, Lk, d)."""
        with full_precision(q.device.type):
            scores = (q.float() * self.scale) @ k.float().transpose(-2, -1)
            if bias is not None:
                scores = scores + bias.float()
            if self.kind == 'squared_relu':
                return scores.relu().square()
            weights = scores.softmax(-1)
            if bias is None:
                return weights
            return weights.masked_fill_(scores.isneginf().all(-1, keepdim=True), 0.0)

    def _mix(self) -> Tensor:
        """All rows times v, (N, heads, Lq, dv) float32, a few people at a time."""
        assert self.v is not None
        heads, keys = self.k.shape[1:3]
        step = max(1, _MOST_WEIGHTS // max(1, heads * self.q.shape[2] * keys))
        parts = []
        for start in range(0, len(self.q), step):
            some = slice(start, start + step)
            weights = self._weigh(self.q[some], self.k[some], self._bias_of(some))
            with full_precision(weights.device.type):
                parts.append(weights @ self.v[some].float())
        return torch.cat(parts) if parts else self.v.new_zeros(*self.q.shape[:3], self.v.shape[3], dtype=torch.float32)

    def _rounding(self) -> float:
        """What two orders of adding the weighted values may differ by; 0 where the module changes their sum further."""
        if self.v is None or self.mixed is not None or not self.v.numel():
            return 0.0
        return 8 * torch.finfo(self.v.dtype).eps * float(self.v.abs().max())

    def _bias_of(self, some: slice) -> Tensor | None:
        """Choose the bias of a few entries of q."""
        varies = self.bias is not None and self.bias.ndim == 4 and len(self.bias) > 1
        return self.bias[some] if varies and self.bias is not None else self.bias
