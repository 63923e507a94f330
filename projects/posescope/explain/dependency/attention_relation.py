"""How much attention of a joint goes to each other joint, person by person."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posescope.capture.attention import AttentionCall, AttentionTaps
from posescope.capture.geometry import GeometryWatch
from posescope.errors import InputError, NoAttentionError
from posescope.explain.attribution.attention_rollout import cells_under
from posescope.explain.attribution.method import channels_last
from posescope.explain.dependency.dependency_matrix import masked_mean
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.memory import in_batches
from posescope.explain.pose_function import PoseFunction

__all__ = ['attention_between_joints']


def attention_between_joints(
    function: PoseFunction, people: LabelledPeople, batch_size: int = 16
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Run people, and read what joints' rows of attention give to other joints.

    A row is that of the joint's own token where the model has such tokens, and then its weight on the other joint's
    token counts, if that is among the keys. Elsewhere it is the row of the cell under the predicted joint, and its
    weight on the cell under the other joint's label. Weights are averaged over heads and divided by those of a row that
    attends to all keys alike, which lets layers with more and fewer keys be averaged: 1 is no preference.

    Args:
        function: The model.
        people: P people.
        batch_size: Most crops in a forward pass.

    Returns:
        (P, K, K) mean over layers, for the row of joint i and the place of joint j (column); NaN where j is not
        labelled, and between joints under one cell, which no layer tells apart. And the names of the layers.

    Raises:
        InputError: The model has no attention, or none between cells or joints that are known.
    """
    taps, watch = AttentionTaps(function.model), GeometryWatch(function.model)
    parts: list[NDArray[np.float64]] = []
    layers: dict[str, None] = {}
    with torch.no_grad(), watch, taps:

        def run(rows: slice) -> tuple[NDArray[np.float64], list[str]]:
            taps.clear()
            pose = function.decode(function(channels_last(people.inputs[rows])))
            if not parts:
                taps.drop_silent()
            _finish(taps, function)
            truth = torch.from_numpy(people.truth[rows]).to(pose.places)
            named = [(name, call) for name in taps.names for call in taps.calls.get(name, [])]
            read = [(name, _of_call(call, watch, pose.places, truth)) for name, call in named]
            known = [(name, found) for name, found in read if found is not None]
            if not known:
                raise InputError(
                    f'{type(function.model.backbone).__name__}: none of {len(read)} layers of attention '
                    f'({read[0][0]}, …) is between cells of the picture or joints'
                )
            stacked = np.stack([found.cpu().numpy().astype(np.float64) for _, found in known])
            return masked_mean(stacked), [name for name, _ in known]

        for _, (found, names) in in_batches(run, len(people), batch_size, 'attention between joints'):
            parts.append(found)
            layers.update(dict.fromkeys(names))
        taps.clear()
    joints = len(function.joints)
    return np.concatenate(parts) if parts else np.empty((0, joints, joints)), tuple(layers)


def _finish(taps: AttentionTaps, function: PoseFunction) -> None:
    """End a batch; that nothing attends is said in fewer words, since it was nobody's choice to look for it."""
    try:
        taps.finish(1)
    except NoAttentionError:
        parts = ' and '.join(type(part).__name__ for part in (function.model.backbone, function.readout.head))
        raise NoAttentionError(f'{parts} have no attention that can be read') from None


def _of_call(call: AttentionCall, watch: GeometryWatch, seen: Tensor, truth: Tensor) -> Tensor | None:
    """(N, K, K) of one layer, from where joints (N, K, 2) were seen and are; None where tokens are not known."""
    joints = truth.shape[1]
    tokens = torch.arange(joints, device=seen.device).expand(len(seen), -1)
    unlabelled = ~truth.isfinite().all(-1)
    own_tokens = call.query_grid is None and call.queries == joints
    if own_tokens and (call.tokens == 'joints' or call.prefix == joints):
        weights = _against_even(call.rows(tokens))[..., :joints]
    elif call.grid in watch.grids and (own_tokens or call.query_grid == call.grid):
        assert call.grid is not None
        grid = watch.grids[call.grid]
        queries = tokens if own_tokens else call.queries_at(cells_under(seen, grid))
        keys = _cells(cells_under(truth, grid), call.grid)
        rows = _against_even(call.rows(queries))[..., call.prefix :]
        weights = rows.gather(2, keys[:, None].expand(-1, joints, -1))
        if not own_tokens:
            together = (queries - call.query_prefix)[..., None] == keys[:, None]
            together &= ~torch.eye(joints, dtype=torch.bool, device=seen.device)
            weights = weights.masked_fill(together, torch.nan)
    else:
        return None
    return weights.masked_fill(unlabelled[:, None], torch.nan)


def _against_even(rows: Tensor) -> Tensor:
    """Rows (N, heads, Q, L), averaged over heads, in parts of what each of L keys has where all get as much."""
    mean = rows.mean(1)
    return mean / mean.sum(-1, keepdim=True) * rows.shape[-1]


def _cells(yx: Tensor, size: tuple[int, int]) -> Tensor:
    """Number the nearest cells (N, K) to rows and columns (N, K, 2) on a map of a size."""
    rows, columns = torch.floor(yx + 0.5).long().unbind(-1)
    return rows.clamp(0, size[0] - 1) * size[1] + columns.clamp(0, size[1] - 1)
