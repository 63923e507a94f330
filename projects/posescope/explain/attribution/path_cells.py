"""Where on a path from a baseline to an input gradients are taken, so that they add up for every joint."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from posescope.errors import InputError, nearest

__all__ = ['PathCells', 'check_rule', 'integrate']

_FIRST, _AT_ONCE = 16, 16
"""Cells of equal length that one begins with, and how many are halved between two looks at the shares."""
_EVEN = 0.3
"""What a cell's length counts beside the change of the targets in it, so that none is left out that only seems flat."""
_ROUNDING = 1e-5
"""What scores may be off by, in parts of the largest: a sum that is nearer cannot be told from complete."""


def check_rule(method: str, rule: str, rules: Sequence[str], tolerance: float) -> None:
    """Refuse settings of a method that integrates.

    Raises:
        InputError: There is no such rule, or the tolerance is not positive.
    """
    if rule not in rules:
        raise InputError(f"rule '{rule}' of method {method} does not exist (nearest: {nearest(rule, rules)})")
    if not tolerance > 0:
        raise InputError(f'tolerance={tolerance} of method {method} has to be positive')


class PathCells:
    """Cuts a path, 0 … 1, into cells that are short where targets change much.

    Targets of pose models change within a few per cent of the way: of MoveNet most of a joint's score appears between
    3 and 12 % of the line from the mean colour, and its gradients there change with every thousandth. Passes forward
    alone, which all joints share, tell where that is; each costs about a twelfth of what 17 joints' gradients do.

    Args:
        measure: Takes places (B,) float64 on the path; gives scores (B, K) there.
    """

    def __init__(self, measure: Callable[[Tensor], Tensor]) -> None:
        self._measure = measure
        self._seen: dict[float, Tensor] = {}

    @property
    def gain(self) -> Tensor:
        """(K,) float64, scores at the end of the path less those at its beginning."""
        ends = self._scores([0.0, 1.0])
        return ends[1] - ends[0]

    @property
    def rounding(self) -> Tensor:
        """(K,) float64, how far off scores may be that are computed at single precision."""
        return _ROUNDING * self._scores([0.0, 1.0]).abs().amax(0)

    def cut(self, count: int, joints: Sequence[int]) -> Tensor:
        """Halve the cells again and again that hold the largest share of what some joints' targets change.

        Args:
            count: How many cells are wanted.
            joints: Some of the K, each of which counts in parts of its own gain.

        Returns:
            (count + 1,) float64, where they begin and end.
        """
        first = min(count, _FIRST)
        edges = [number / first for number in range(first + 1)]
        while (more := count - len(edges) + 1) > 0:
            shares = self._shares(edges, joints)
            enough = int((shares > shares.max() / 2).sum())
            halved = shares.topk(min(more, enough, _AT_ONCE)).indices.tolist()
            edges = sorted([*edges, *((edges[cell] + edges[cell + 1]) / 2 for cell in halved)])
        return torch.tensor(edges, dtype=torch.float64)

    def _shares(self, edges: list[float], joints: Sequence[int]) -> Tensor:
        """(cells,) root of the summed squares over joints of what changes, and a little for a cell's length."""
        gain = self.gain[list(joints)].abs()
        changes = self._scores(edges)[:, list(joints)].diff(dim=0).abs()
        parts = torch.where(gain > self.rounding[list(joints)], changes / gain.clamp(min=1e-30), 0.0)
        shares = parts.square().sum(1).sqrt()
        lengths = torch.tensor(edges, dtype=torch.float64).diff()
        return shares / shares.sum().clamp(min=1e-30) + _EVEN * lengths

    def _scores(self, places: list[float]) -> Tensor:
        """(B, K) float64 on the CPU; what was measured once is not measured again."""
        new = [place for place in places if place not in self._seen]
        if new:
            with torch.no_grad():
                scores = self._measure(torch.tensor(new, dtype=torch.float64))
            self._seen.update(zip(new, scores.double().cpu(), strict=True))
        return torch.stack([self._seen[place] for place in places])


def integrate(
    cells: PathCells,
    maps_of: Callable[[Tensor, list[int]], Tensor],
    joints: list[int],
    steps: int,
    most_steps: int,
    tolerance: float,
) -> Tensor:
    """Integrate over the cells of a path; joints whose maps do not add up once more, over twice as many.

    Args:
        cells: Of the path.
        maps_of: Takes edges (n + 1,) and k joints; gives their maps (k, H, W), each cell's gradient times its way.
        joints: K joints.
        steps: How many cells all joints begin with.
        most_steps: No joint gets more.
        tolerance: In parts of a joint's gain, how much its map may miss.

    Returns:
        (K, H, W).
    """
    allowed = tolerance * cells.gain[joints].abs() + cells.rounding[joints]
    left, count = list(range(len(joints))), steps
    found: Tensor | None = None
    while left:
        chosen = [joints[number] for number in left]
        maps = maps_of(cells.cut(count, chosen), chosen)
        found = maps if found is None else found.index_copy(0, torch.tensor(left, device=maps.device), maps)
        off = (maps.sum((1, 2)).double().cpu() - cells.gain[chosen]).abs()
        left = [number for number, each in zip(left, off.tolist(), strict=True) if each > allowed[number]]
        count *= 2
        if count > most_steps:
            break
    assert found is not None
    return found
