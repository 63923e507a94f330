"""Attention multiplied through the layers, at the joint's query."""

from typing import ClassVar

import torch
from torch import Tensor

from posescope.capture.attention import AttentionCall, AttentionTaps, rollout
from posescope.capture.geometry import GeometryWatch
from posescope.capture.grid import Grid
from posescope.errors import InputError
from posescope.explain.attribution.joint_tokens import all_rows, check_cells_go_on, through_cells
from posescope.explain.attribution.method import Method, chunks
from posescope.explain.attribution.to_pixels import to_pixels
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget

__all__ = ['AttentionRollout', 'cells_under']


class AttentionRollout(Method):
    """Which cells the token under a joint attends to through all layers (S. Abnar and W. Zuidema, ACL 2020).

    A description of the model, not of the target: it says what may flow, not what is used. Only models whose attention
    is between cells of one map have it, such as ViTPose. Where joints have tokens of their own, as in
    ``JointTokenHead``, a joint's row is that of its token; a backbone with attention between the same cells is
    followed too.

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
            watch, taps = GeometryWatch(function.model), AttentionTaps(function.model)
            with all_rows(function.model) as of_joints, watch, taps:
                function(inputs[some])
            between_cells, with_joints = self._calls(function, taps, of_joints)
            last = (with_joints or between_cells)[-1]
            assert last.grid is not None
            if with_joints:
                rows = _cells_of(rollout([call.full() for call in with_joints], self.residual)[:, joints], last)
                if between_cells:
                    mixed = rollout([call.full() for call in between_cells], self.residual)
                    before = between_cells[-1]
                    rows = through_cells(rows, mixed, before.prefix, rows.shape[-1])
            else:
                queries = last.queries_at(cells_under(bound.places[some][:, joints], watch.grids[last.grid]))
                rolled = rollout([call.full().mean(1) for call in between_cells], self.residual)
                rows = _cells_of(rolled.gather(1, queries[..., None].expand(-1, -1, rolled.shape[2])), last)
            parts.append(to_pixels(rows.unflatten(-1, last.grid), watch.grids[last.grid], size))
        return torch.cat(parts)

    def _calls(
        self, function: PoseFunction, taps: AttentionTaps, of_joints: set[str]
    ) -> tuple[list[AttentionCall], list[AttentionCall]]:
        """Calls between cells of a map, and those between joints' tokens and cells, from the first layer to the last.

        Args:
            function: The model.
            taps: What was seen.
            of_joints: Names of the modules whose first tokens are joints'.
        """
        calls = [(name, call) for name in taps.names for call in taps.calls.get(name, [])]
        known = [(name, call) for name, call in calls if call.grid is not None and call.query_grid == call.grid]
        found = [call for name, call in known if name not in of_joints]
        joined = [call for name, call in known if name in of_joints and call.prefix == len(function.joints)]
        taken = [*found, *joined]
        left = [
            name
            for name, call in calls
            if (name in of_joints or name.startswith('backbone.')) and not any(call is one for one in taken)
        ]
        if (found or joined) and (left or len({call.grid for call in found}) > 1):
            raise InputError(
                f"method '{self.name}' needs all attention of the backbone to be between the cells of one map, and "
                f'{len(left)} of {len(calls)} calls of {type(function.model.backbone).__name__} are not ('
                f'{left[0] if left else "maps of different sizes"}, …)'
            )
        if not found and not joined:
            raise InputError(
                f"method '{self.name}' needs attention between cells of the picture, and "
                f'{type(function.model).__name__} with {type(function.model.backbone).__name__} has none'
            )
        if found and joined:
            grid, of_head = found[-1].grid, joined[-1].grid
            assert grid is not None
            assert of_head is not None
            check_cells_go_on(function, self.name, grid, of_head)
        return found, joined


def _cells_of(rows: Tensor, call: AttentionCall) -> Tensor:
    """Of rows (B, K, L), what goes to cells of the map, not to tokens before it: (B, K, cells)."""
    assert call.grid is not None
    return rows[..., call.prefix : call.prefix + call.grid[0] * call.grid[1]]


def cells_under(places: Tensor, grid: Grid) -> Tensor:
    """Rows and columns (N, K, 2) of a grid's cells under places (N, K, 2), x and y in pixels of the input."""
    scale, offset = places.new_tensor(grid.scale), places.new_tensor(grid.offset)
    return (places.flip(-1).nan_to_num() - offset) / scale
