"""Which keys are masked: those that a row points at, their controls, and groups of all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posescope.errors import InputError
from posescope.explain.attention_trial.rows import LayerRows
from posescope.explain.units.matched_sets import matched_sets

__all__ = ['KeyPlan', 'PlanSettings', 'plan_keys', 'pointed_keys']


@dataclass(frozen=True)
class PlanSettings:
    """How keys are chosen.

    Attributes:
        share: Of the row's weight that the masked keys hold together.
        keep_self: Leave the query's own patch alone: that it needs itself says nothing about where it looks.
        controls: How many control sets.
        groups: Into how many groups, equal in number, all keys are cut by their weight.
        seed: Of the controls.
    """

    share: float = 0.5
    keep_self: bool = True
    controls: int = 5
    groups: int = 6
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise InputError(f'share={self.share} of the weight is no part between 0 and 1')
        if self.controls < 1 or self.groups < 0 or self.groups in (1, 2):
            raise InputError(
                f'controls={self.controls}, groups={self.groups}: there has to be a control, and three groups or more '
                'to correlate over, or none'
            )


@dataclass(frozen=True)
class KeyPlan:
    """Of one layer, N people and K joints.

    Attributes:
        variants: (1 + D + G, N, K, cells) bool, which cells' keys are masked: those that the row points at, those of
            each control, and those of each group, the most attended first.
        ready: (N, K) bool, whether there is a control; not where attention is so even that the rest is too small.
        count: (N, K) int, how many keys the row points at.
        mass: (N, K) weight of these keys.
        group_mass: (G, N, K) weight of each group.
    """

    variants: NDArray[np.bool_]
    ready: NDArray[np.bool_]
    count: NDArray[np.int64]
    mass: NDArray[np.float64]
    group_mass: NDArray[np.float64]


def plan_keys(rows: LayerRows, settings: PlanSettings) -> KeyPlan:
    """Choose keys for every person and joint; controls are as far from the joint as what they stand against.

    Args:
        rows: Of a layer.
        settings: How.
    """
    people, joints = rows.query.shape
    weights, distance = (values.reshape(people, joints, -1) for values in (rows.weights, rows.distance))
    count, groups = settings.controls, settings.groups
    variants = np.zeros((1 + count + groups, people, joints, weights.shape[2]), bool)
    ready = np.zeros((people, joints), bool)
    group_mass = np.zeros((groups, people, joints))
    generator = np.random.default_rng(settings.seed)
    for person, joint in np.ndindex(people, joints):
        row = weights[person, joint].astype(np.float64)
        free = np.ones(len(row), bool)
        own = rows.own[person, joint]
        if settings.keep_self and own >= 0:
            free[own] = False
        here = variants[:, person, joint]
        pointed = pointed_keys(row, free, settings.share)
        here[0, pointed] = True
        for group, keys in enumerate(np.array_split(_by_weight(row, free), groups) if groups else []):
            here[1 + count + group, keys] = True
            group_mass[group, person, joint] = row[keys].sum()
        if 0 < len(pointed) <= free.sum() - len(pointed):
            drawn = matched_sets(distance[person, joint], pointed, count, generator, allowed=free)
            np.put_along_axis(here[1 : 1 + count], drawn, True, 1)
            ready[person, joint] = True
    mass = (weights * variants[0]).sum(-1, dtype=np.float64)
    return KeyPlan(variants, ready, variants[0].sum(-1), mass, group_mass)


def pointed_keys(row: NDArray[np.float64], free: NDArray[np.bool_], share: float) -> NDArray[np.int64]:
    """Fewest keys that together hold a share of the weight of all that are free, the heaviest first.

    Args:
        row: (n,) weights.
        free: (n,) bool, which keys count.
        share: Of their weight.

    Returns:
        Their numbers; none where there is no weight.
    """
    order = _by_weight(row, free)
    total = np.cumsum(row[order])
    if not len(total) or total[-1] <= 0:
        return np.empty(0, np.int64)
    return order[: int(np.searchsorted(total, share * total[-1] * (1 - 1e-9))) + 1]


def _by_weight(row: NDArray[np.float64], free: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Numbers of the free keys, the heaviest first."""
    order = np.argsort(-row, kind='stable')
    return order[free[order]]
