"""How far around itself a joint looks: its effective receptive field."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posescope.capture.eager_mode import EagerMode
from posescope.errors import InputError
from posescope.explain.attribution.gradients import joint_gradients
from posescope.explain.memory import in_batches
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets import Target, default_target

__all__ = ['EDGE', 'ReceptiveFields', 'measure_receptive_fields']

EDGE = 0.0455
"""Part of the largest gradient at which the field ends: what a Gaussian leaves beyond two standard deviations."""


@dataclass(frozen=True)
class ReceptiveFields:
    """Mean size of the gradient around K joints (W. Luo et al., NeurIPS 2016, arXiv 1701.04128).

    Attributes:
        joints: K names.
        maps: (K, 2H - 1, 2W - 1) mean over people of the gradient's size, the joint in the middle, each person's map
            with a sum of 1; NaN where no person's input reached.
        people: (K,) how many people count.
        radius: (K,) √(Σ a r² / Σ a) of the values a at distances r, pixels of the input; NaN where nobody counts.
        side: (K,) root of the area with more than :data:`EDGE` of the largest value, pixels of the input.
    """

    joints: tuple[str, ...]
    maps: NDArray[np.float64]
    people: NDArray[np.int64]
    radius: NDArray[np.float64]
    side: NDArray[np.float64]

    def content(self) -> dict[str, Any]:
        """The numbers of each joint as what JSON can hold; NaN becomes None."""
        return {
            joint: {
                'people': int(self.people[place]),
                **{
                    name: None if np.isnan(values[place]) else float(values[place])
                    for name, values in (('radius', self.radius), ('side', self.side))
                },
            }
            for place, joint in enumerate(self.joints)
        }


def measure_receptive_fields(
    function: PoseFunction,
    people: Tensor | Iterable[Tensor],
    target: Target | None = None,
    *,
    joints: list[str] | None = None,
    batch_size: int = 16,
) -> ReceptiveFields:
    """Average the size of the gradient of each joint's target, summed over colours, around the joint.

    Args:
        function: The model.
        people: (N, 3, H, W) crops, or batches of them.
        target: What is derived; None for the default of the head. It may not need labels.
        joints: Names; None for all.
        batch_size: Most crops in a pass.

    Raises:
        InputError: There are no people, no such joint, or the target means nothing for this head.
    """
    wanted = function.joint_indices(joints)
    target = target or default_target(function.kind)
    total: NDArray[np.float64] | None = None
    with function.frozen(), EagerMode(function.model):
        for batch in [people] if isinstance(people, Tensor) else people:
            if total is None:
                height, width = batch.shape[-2:]
                total, seen = np.zeros((2, len(wanted), 2 * height - 1, 2 * width - 1))
                counted = np.zeros(len(wanted), np.int64)
            read = partial(_read, function, batch, target, wanted)
            for _, found in in_batches(read, len(batch), batch_size, 'receptive fields'):
                _add(found, total, seen, counted)
    if total is None:
        raise InputError('there are no people whose gradients could be averaged')
    maps = np.where(seen > 0, total / np.maximum(seen, 1), np.nan)
    radius, side = np.array([_size(one) for one in maps]).T
    return ReceptiveFields(tuple(function.joints[joint] for joint in wanted), maps, counted, radius, side)


@dataclass(frozen=True)
class _Gradients:
    """Of B people: (K, B, H, W) float32 size of each joint's gradient, (B, K, 2) where it is, (B, K) if it counts."""

    sizes: NDArray[np.float32]
    places: NDArray[np.int64]
    valid: NDArray[np.bool_]


def _read(function: PoseFunction, people: Tensor, target: Target, joints: list[int], some: slice) -> _Gradients:
    """Read all joints before any is added, since memory may end in between."""
    inputs = people[some].to(function.device)
    with torch.no_grad():
        outputs = function(inputs)
    bound = target.bind(function, outputs, function.decode(outputs))
    rows = torch.arange(len(inputs), device=inputs.device)
    gradients = joint_gradients(function, inputs, rows, bound, joints)
    return _Gradients(
        np.stack([gradient.abs().sum(1).cpu().numpy() for gradient in gradients]),
        bound.places[:, joints].round().cpu().numpy().astype(np.int64),
        bound.valid[:, joints].cpu().numpy(),
    )


def _add(found: _Gradients, total: NDArray[np.float64], seen: NDArray[np.float64], counted: NDArray[np.int64]) -> None:
    """Add people's maps, moved so that the joint is in the middle; those whose joint is outside do not count."""
    height, width = found.sizes.shape[-2:]
    for number, person in np.ndindex(found.sizes.shape[:2]):
        sizes = found.sizes[number, person].astype(np.float64)
        x, y = found.places[person, number]
        inside = 0 <= x <= width - 1 and 0 <= y <= height - 1
        if not inside or not sizes.sum() > 0 or not found.valid[person, number]:
            continue
        where = number, slice(height - 1 - y, 2 * height - 1 - y), slice(width - 1 - x, 2 * width - 1 - x)
        total[where] += sizes / sizes.sum()
        seen[where] += 1
        counted[number] += 1


def _size(field: NDArray[np.float64]) -> tuple[float, float]:
    """Radius and side of a map with the joint in the middle."""
    known = np.nan_to_num(field)
    if not known.sum() > 0:
        return np.nan, np.nan
    rows, columns = (np.arange(count) - count // 2 for count in field.shape)
    squared = rows[:, None] ** 2 + columns**2
    radius = np.sqrt((known * squared).sum() / known.sum())
    return float(radius), float(np.sqrt((known > EDGE * known.max()).sum()))
