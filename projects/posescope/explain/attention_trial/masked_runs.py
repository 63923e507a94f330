"""Run people with keys masked, one joint and one set of keys at a time."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posescope.explain.attention_trial.key_masks import KeyMasks
from posescope.explain.attention_trial.key_plan import KeyPlan
from posescope.explain.attention_trial.rows import LayerRows, SeenPeople
from posescope.explain.attribution.method import channels_last
from posescope.explain.memory import in_batches
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget

__all__ = ['MaskedRuns', 'run_masked']


@dataclass(frozen=True)
class MaskedRuns:
    """What V sets of masked keys lead to, for N people and K joints; NaN where nothing was run.

    Attributes:
        places: (V, N, K, 2) where the joint whose query was masked is predicted, pixels of the input.
        scores: (V, N, K) its target.
    """

    places: NDArray[np.float64]
    scores: NDArray[np.float64]


def run_masked(
    function: PoseFunction,
    inputs: Tensor,
    joints: list[int],
    seen: SeenPeople,
    plans: Mapping[str, KeyPlan],
    bound: BoundTarget,
    wanted: NDArray[np.bool_],
    batch_size: int = 16,
) -> MaskedRuns:
    """Mask each set of keys for one joint's query alone, in all planned layers at once.

    Args:
        function: The model.
        inputs: (N, 3, H, W).
        joints: K numbers.
        seen: Of these people.
        plans: By name of a layer; V sets each.
        bound: The target.
        wanted: (N, K) bool, what is run.
        batch_size: Most crops in a forward pass.
    """
    count = len(next(iter(plans.values())).variants)
    places = np.full((count, *wanted.shape, 2), np.nan)
    scores = np.full((count, *wanted.shape), np.nan)
    person, joint = np.nonzero(wanted)
    # Crops of one person follow one another.
    runs = np.stack([np.tile(np.arange(count), len(person)), *(np.repeat(rows, count) for rows in (person, joint))], 1)
    with torch.no_grad(), KeyMasks(function.model, seen.attention) as masks:

        def run(some: slice) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            variant, who, which = runs[some].T
            masks.restart()
            masks.left_out = {
                name: _masks(seen.rows[name], plan, variant, who, which).to(inputs.device)
                for name, plan in plans.items()
            }
            rows = torch.as_tensor(who, device=inputs.device)
            outputs = function(channels_last(inputs[rows]))
            masks.finish()
            column = torch.as_tensor([joints[one] for one in which], device=inputs.device)
            batch = torch.arange(len(rows), device=inputs.device)
            seen_at = function.decode(outputs).places[batch, column].cpu().numpy()
            return seen_at, bound.score(outputs, rows)[batch, column].cpu().numpy()

        for some, (at, worth) in in_batches(run, len(runs), batch_size, 'masking keys'):
            where = tuple(runs[some].T)
            places[where], scores[where] = at, worth
    return MaskedRuns(places, scores)


def _masks(
    rows: LayerRows,
    plan: KeyPlan,
    variant: NDArray[np.int64],
    person: NDArray[np.int64],
    joint: NDArray[np.int64],
) -> Tensor:
    """(B, Lq, Lk) bool."""
    left_out = np.zeros((len(variant), rows.queries, rows.keys), bool)
    cells = plan.variants[variant, person, joint]
    left_out[np.arange(len(variant)), rows.query[person, joint], rows.prefix : rows.prefix + cells.shape[1]] = cells
    return torch.from_numpy(left_out)
