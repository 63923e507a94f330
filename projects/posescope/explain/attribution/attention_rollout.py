"""Attention multiplied through the layers, at the joint's query."""

from typing import ClassVar

import torch
from torch import Tensor

from posescope.capture.attention import AttentionCall, AttentionTaps, rollout
from posescope.capture.geometry import GeometryWatch
from posescope.capture.grid import Grid
from posescope.errors import InputError
from posescope.explain.attribution.method import Method, chunks
from posescope.explain.attribution.to_pixels import to_pixels
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget

__all__ = ['AttentionRollout', 'cells_under']


class AttentionRollout(Method):
    """Which cells the token under a joint attends to through all layers (S. Abnar and W. Zuidema, ACL 2020).

    A description of the model, not of the target: it says what may flow, not what is used. Only models whose attention
    is between cells of one map have it, such as ViTPose.

    Args:
        batch_size: Crops at once.
        residual: Share of the skip connection.
    """

    name: ClassVar[str] = 'attention_rollout'
    uses_target: ClassVar[bool] = False

    def __init__(self, batch_size: int = 16, residual: float = 0.5) -> None:
        super().__init__(batch_size)
        self.residual = residual

    @torch.no_grad()
    def maps(self, function: PoseFunction, inputs: Tensor, bound: BoundTarget, joints: list[int]) -> Tensor:
        """Multiply attention and read the joints' rows."""
        size = (int(inputs.shape[2]), int(inputs.shape[3]))
        parts = []
        for some in chunks(len(inputs), self.batch_size):
            with GeometryWatch(function.model) as watch, AttentionTaps(function.model) as taps:
                function(inputs[some])
            calls = self._calls(function, taps)
            last = calls[-1]
            assert last.grid is not None
            grid = watch.grids[last.grid]
            queries = last.queries_at(cells_under(bound.places[some][:, joints], grid))
            rolled = rollout([call.full().mean(1) for call in calls], self.residual)
            rows = rolled.gather(1, queries[..., None].expand(-1, -1, rolled.shape[2]))
            count = last.grid[0] * last.grid[1]
            laid = rows[..., last.prefix : last.prefix + count].unflatten(-1, last.grid)
            parts.append(to_pixels(laid, grid, size))
        return torch.cat(parts)

    def _calls(self, function: PoseFunction, taps: AttentionTaps) -> list[AttentionCall]:
        """Calls between cells of a map, from the first layer to the last."""
        calls = [(name, call) for name in taps.names for call in taps.calls.get(name, [])]
        found = [call for _, call in calls if call.grid is not None and call.query_grid == call.grid]
        left = [name for name, call in calls if name.startswith('backbone.') and not any(call is one for one in found)]
        if found and (left or len({call.grid for call in found}) > 1):
            raise InputError(
                f"method '{self.name}' needs all attention of the backbone to be between the cells of one map, and "
                f'{len(left)} of {len(calls)} calls of {type(function.model.backbone).__name__} are not ('
                f'{left[0] if left else "maps of different sizes"}, …)'
            )
        if not found:
            raise InputError(
                f"method '{self.name}' needs attention between cells of the picture, and "
                f'{type(function.model).__name__} with {type(function.model.backbone).__name__} has none'
            )
        return found


def cells_under(places: Tensor, grid: Grid) -> Tensor:
    """Rows and columns (N, K, 2) of a grid's cells under places (N, K, 2), x and y in pixels of the input."""
    scale, offset = places.new_tensor(grid.scale), places.new_tensor(grid.offset)
    return (places.flip(-1).nan_to_num() - offset) / scale
