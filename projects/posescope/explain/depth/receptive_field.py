"""How far around itself a joint looks: its effective receptive field."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posescope.capture.eager_mode import EagerMode
from posescope.errors import InputError
from posescope.explain.attribution.gradients import joint_gradients
from posescope.explain.attribution.method import chunks
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
            for some in chunks(len(batch), batch_size):
                _add(function, batch[some].to(function.device), target, wanted, total, seen, counted)
    if total is None:
        raise InputError('there are no people whose gradients could be averaged')
    maps = np.where(seen > 0, total / np.maximum(seen, 1), np.nan)
    radius, side = np.array([_size(one) for one in maps]).T
    return ReceptiveFields(tuple(function.joints[joint] for joint in wanted), maps, counted, radius, side)


def _add(
    function: PoseFunction,
    inputs: Tensor,
    target: Target,
    joints: list[int],
    total: NDArray[np.float64],
    seen: NDArray[np.float64],
    counted: NDArray[np.int64],
) -> None:
    """Add people's maps, moved so that the joint is in the middle; those whose joint is outside do not count."""
    height, width = inputs.shape[-2:]
    with torch.no_grad():
        outputs = function(inputs)
    bound = target.bind(function, outputs, function.decode(outputs))
    rows = torch.arange(len(inputs), device=inputs.device)
    places = bound.places.round().cpu().numpy()
    for number, gradient in enumerate(joint_gradients(function, inputs, rows, bound, joints)):
        sizes = gradient.abs().sum(1).double()
        sums = sizes.sum((1, 2)).cpu().numpy()
        shares = (sizes / sizes.sum((1, 2), keepdim=True)).cpu().numpy()
        for person, (x, y) in enumerate(places[:, joints[number]]):
            inside = 0 <= x <= width - 1 and 0 <= y <= height - 1
            if not inside or not sums[person] > 0 or not bool(bound.valid[person, joints[number]]):
                continue
            top, left = height - 1 - int(y), width - 1 - int(x)
            where = number, slice(top, top + height), slice(left, left + width)
            total[where] += shares[person]
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
