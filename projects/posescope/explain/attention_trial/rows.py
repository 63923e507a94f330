"""Where each joint's query looks: rows of attention over a map, of the layers that are put to the test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posescope.capture.attention import AttentionCall, AttentionTaps, WindowedCall
from posescope.capture.geometry import GeometryWatch
from posescope.capture.grid import Grid
from posescope.errors import InputError
from posescope.explain.attribution.attention_rollout import cells_under
from posescope.explain.attribution.method import channels_last
from posescope.explain.memory import in_batches
from posescope.explain.outputs import Outputs
from posescope.explain.pose import Pose
from posescope.explain.pose_function import PoseFunction

__all__ = ['LayerRows', 'SeenPeople', 'see_people']


@dataclass(frozen=True)
class LayerRows:
    """Attention of K joints' queries in one layer, for N people.

    Attributes:
        grid: Where the keys' cells lie in the input.
        size: Rows and columns of the keys' map.
        prefix: Keys before those of the map.
        keys: How many keys in all.
        queries: How many queries.
        query: (N, K) int, which is each joint's.
        weights: (N, K, h, w) float32, of the keys of the map, mean over heads; they sum to less than one where keys
            before the map draw attention too.
        own: (N, K) int, the cell of the query's own patch; -1 for queries that are no cells of this map.
        distance: (N, K, h, w) float32, from where the joint was predicted to each cell, cells.
    """

    grid: Grid
    size: tuple[int, int]
    prefix: int
    keys: int
    queries: int
    query: NDArray[np.int64]
    weights: NDArray[np.float32]
    own: NDArray[np.int64]
    distance: NDArray[np.float32]


@dataclass(frozen=True)
class SeenPeople:
    """What the model gave for N people without a mask.

    Attributes:
        outputs: Of the head.
        pose: Decoded.
        rows: By name of a layer.
        attention: Names of all attention modules, also of those that are not put to the test.
    """

    outputs: Outputs
    pose: Pose
    rows: Mapping[str, LayerRows]
    attention: tuple[str, ...]


def see_people(
    function: PoseFunction,
    inputs: Tensor,
    joints: Sequence[int],
    layers: str | Sequence[str] = '*',
    queries: Sequence[int] | None = None,
    batch_size: int = 16,
) -> SeenPeople:
    """Run people, and read the rows of joints' queries.

    Args:
        function: The model.
        inputs: (N, 3, H, W).
        joints: K numbers.
        layers: Patterns over names of attention modules, see :class:`~posescope.capture.attention.AttentionTaps`.
        queries: (K,) tokens that stand for the joints; None for joints' own tokens where the only queries are those,
            as in ``JointTokenHead``, or else the cells under the predicted joints.
        batch_size: Most crops in a forward pass.

    Raises:
        InputError: No layer matches, or one cannot be put to the test.
    """
    watch, taps = GeometryWatch(function.model), AttentionTaps(function.model)
    wanted = AttentionTaps(function.model, layers)
    with torch.no_grad(), watch, taps, wanted:

        def run(some: slice) -> tuple[Outputs, Pose, dict[str, LayerRows]]:
            taps.clear()
            wanted.clear()
            output = function(channels_last(inputs[some]))
            pose = function.decode(output)
            if some.start == 0:
                taps.drop_silent()
                if layers == '*':  # nobody named what is silent
                    wanted.drop_silent()
            taps.finish(1)
            wanted.finish(1)
            rows = {}
            for name in wanted.names:
                call = _checked(name, wanted.calls[name])
                of_joints = joints if _has_joint_tokens(call, len(function.joints)) else None
                tokens = of_joints if queries is None else queries
                rows[name] = _rows(call, watch, pose.places[:, list(joints)], tokens)
            return output, pose, rows

        batches = [found for _, found in in_batches(run, len(inputs), batch_size, 'reading attention')]
    if not batches or not wanted.names:
        raise InputError(f'{type(function.model.backbone).__name__} has no attention that could be put to the test')
    outputs, poses, rows = zip(*batches, strict=True)
    joined = {name: _joined([some_rows[name] for some_rows in rows]) for name in wanted.names}
    return SeenPeople(Outputs.joined(outputs), Pose.joined(poses), joined, taps.names)


def _checked(name: str, calls: list[AttentionCall]) -> AttentionCall:
    """The only call of a layer, if its keys can be masked and shown.

    Raises:
        InputError: Why not.
    """
    if len(calls) != 1:
        raise InputError(f'{name} runs {len(calls)} times in a pass: a mask would not know which is meant')
    call = calls[0]
    if isinstance(call, WindowedCall):
        raise InputError(f'{name} looks through windows, in which keys cannot be masked: leave it out with !{name}')
    if call.kind != 'softmax':
        raise InputError(f'{name} has no softmax to mask keys in (its weights are relu²): leave it out with !{name}')
    if call.grid is None:
        raise InputError(f'{name}: its {call.k.shape[2]} keys are no map that is known: leave it out with !{name}')
    return call


def _has_joint_tokens(call: AttentionCall, joints: int) -> bool:
    """Whether a call's only queries are tokens, one for each joint."""
    return call.query_grid is None and call.queries == joints


def _rows(call: AttentionCall, watch: GeometryWatch, places: Tensor, queries: Sequence[int] | None) -> LayerRows:
    """Rows of one batch."""
    assert call.grid is not None
    grid = watch.grids[call.grid]
    under = cells_under(places, grid)
    if queries is None:
        if call.query_grid != call.grid:
            raise InputError(
                f'{call.name}: its queries are no cells of its keys: give queries, the tokens of the joints'
            )
        query = call.queries_at(under)
        own = query - call.query_prefix
    else:
        if len(queries) != places.shape[1]:
            raise InputError(f'{len(queries)} queries for {places.shape[1]} joints: give a token for each joint')
        query = torch.as_tensor(list(queries), device=places.device).expand(len(places), -1)
        own = torch.full_like(query, -1)
    rows, columns = torch.meshgrid(*(torch.arange(length) for length in call.grid), indexing='ij')
    cells = torch.stack([rows, columns], -1).to(under)
    distance = torch.linalg.vector_norm(cells - under[:, :, None, None], dim=-1)
    weights, found = call.maps(query).mean(1), (query, own, distance)
    numbers, places_own, apart = (tensor.cpu().numpy() for tensor in found)
    size = call.grid
    return LayerRows(
        grid, size, call.prefix, call.k.shape[2], call.queries, numbers, weights.cpu().numpy(), places_own, apart
    )


def _joined(parts: list[LayerRows]) -> LayerRows:
    first = parts[0]
    query, weights, own, distance = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ('query', 'weights', 'own', 'distance')
    )
    return LayerRows(first.grid, first.size, first.prefix, first.keys, first.queries, query, weights, own, distance)
