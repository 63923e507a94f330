"""One call of an attention that looks through windows of a map (Swin, arXiv 2103.14030; HRFormer, arXiv 2110.09408)."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from posescope.capture.attention.attention_call import AttentionCall, GridSize
from posescope.errors import CaptureError

__all__ = ['WindowedCall', 'window_places']

PADDING = -1
_ROWS_AT_ONCE = 256


@dataclass(eq=False)
class WindowedCall(AttentionCall):
    """Attention within windows, given as rows over the whole map.

    ``q``, ``k`` and ``v`` are (N · W, heads, L, d), for W windows of L places; windows of one person follow one
    another. Queries are numbered over the map, row by row, and rows are (N, heads, Q, h · w), zero outside of the
    query's window. Where a map is padded up to whole windows, attention that goes to padding is not shown, so a row may
    sum to less than one.

    Attributes:
        places: (W, L) integers, which cell of the map stands at each place of each window, :data:`PADDING` for none.
        bias: None or broadcastable to (W, heads, L, L), added to scores.
    """

    places: Tensor = field(kw_only=True)
    _window: Tensor = field(init=False, repr=False)
    _place: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.grid is None:
            raise CaptureError(f'{self.name}: windows need the size of the map')
        windows, places = torch.nonzero(self.places >= 0, as_tuple=True)
        cells = self.places[windows, places]
        if len(cells) != self.grid[0] * self.grid[1] or len(cells.unique()) != len(cells):
            raise CaptureError(f'{self.name}: windows do not hold each cell of a {self.grid} map once')
        order = cells.argsort()
        self._window, self._place = windows[order], places[order]

    @property
    def people(self) -> int:
        """N, how many people the call looked at."""
        return len(self.q) // len(self.places)

    @property
    def queries(self) -> int:
        """How many cells the map has."""
        return len(self._window)

    @torch.no_grad()
    def rows(self, queries: Tensor) -> Tensor:
        """Rebuild rows of attention over the whole map.

        Args:
            queries: (N, Q) integers, cells of the map, row by row.

        Returns:
            (N, heads, Q, h · w) float32.

        Raises:
            CaptureError: The queries are not of this batch, or beyond the last one.
        """
        parts = self._checked(queries).split(_ROWS_AT_ONCE, 1)
        return torch.cat([self._rows(part) for part in parts], 2)

    def _rows(self, queries: Tensor) -> Tensor:
        count, windows = self.people, len(self.places)
        window, place = self._window[queries], self._place[queries]
        entry = torch.arange(count, device=queries.device)[:, None] * windows + window
        q = self.q[entry, :, place].unsqueeze(-2)  # (N, Q, heads, 1, d)
        bias = None if self.bias is None else self._window_bias()[window, :, place].unsqueeze(-2)
        weights = self._weigh(q, self.k[entry], bias).squeeze(-2)  # (N, Q, heads, L)
        beyond = torch.where(self.places < 0, self.queries, self.places)[window]  # padding goes to a cell of its own
        target = beyond[:, :, None].expand_as(weights)
        laid = weights.new_zeros(*weights.shape[:3], self.queries + 1).scatter_add_(-1, target, weights)
        return laid[..., :-1].transpose(1, 2)

    def _window_bias(self) -> Tensor:
        assert self.bias is not None
        bias = self.bias[(None,) * (4 - self.bias.ndim)]
        return bias.expand(len(self.places), self.q.shape[1], -1, -1)

    def _bias_of(self, some: slice) -> Tensor | None:
        if self.bias is None:
            return None
        entries = torch.arange(len(self.q), device=self.q.device)[some]
        return self._window_bias()[entries % len(self.places)]


def window_places(
    grid: GridSize, window: GridSize, before: GridSize = (0, 0), shift: int = 0, device: torch.device | None = None
) -> Tensor:
    """Number the cells of a map that is padded, rolled to the upper left and cut into windows.

    Args:
        grid: Size of the map.
        window: Size of a window.
        before: Padded rows above and columns to the left; as many follow as whole windows need.
        shift: How many cells the padded map is rolled up and to the left.
        device: Of the result.

    Returns:
        (W, L) integers, cells row by row, :data:`PADDING` for padding.
    """
    (height, width), (tall, wide) = grid, window
    rows, columns = -(-height // tall) * tall, -(-width // wide) * wide
    cells = torch.full((rows, columns), PADDING, dtype=torch.long, device=device)
    inner = torch.arange(height * width, device=device).view(height, width)
    cells[before[0] : before[0] + height, before[1] : before[1] + width] = inner
    cells = cells.roll((-shift, -shift), (0, 1))
    return cells.view(rows // tall, tall, columns // wide, wide).transpose(1, 2).reshape(-1, tall * wide)
