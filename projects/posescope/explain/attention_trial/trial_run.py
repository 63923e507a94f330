"""Attention put to the test: the keys that a joint's row points at are masked, and the joint is measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from posescope.errors import InputError
from posescope.explain.attention_trial.agreement import RankAgreement, rank_agreement
from posescope.explain.attention_trial.key_plan import KeyPlan, PlanSettings, plan_keys
from posescope.explain.attention_trial.masked_runs import MaskedRuns, run_masked
from posescope.explain.attention_trial.rows import SeenPeople, see_people
from posescope.explain.attention_trial.trial import AttentionTrial
from posescope.explain.dependency.dependency_matrix import masked_mean
from posescope.explain.dependency.effects import similarity
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets import BoundTarget, Target, default_target
from posescope.explain.units.paired_effects import PairedEffects, compare_with_controls

__all__ = ['try_attention']

_TIE, _TIE_OF_TARGET = 1e-4, 1e-5
"""Effects this near are alike, and differ by rounding; those on the target in parts of its usual size."""


def try_attention(
    function: PoseFunction,
    people: LabelledPeople,
    layers: str | Sequence[str] = '*',
    *,
    joints: Sequence[str] | None = None,
    settings: PlanSettings | None = None,
    queries: Sequence[int] | None = None,
    target: Target | None = None,
    good: float | None = None,
    batch_size: int = 16,
    resamples: int = 1000,
    permutations: int = 9999,
    seed: int = 0,
) -> AttentionTrial:
    """Mask the keys that joints' rows point at, for these queries alone, and measure the joints.

    Each person, joint and set of keys is a crop of its own: 12 a joint with the settings' defaults. Layers that match
    are masked together; one at a time is as many trials.

    Args:
        function: The model. Its attention has to be a softmax over the cells of a map.
        people: N people. Labels are needed for KS alone: without them it is NaN.
        layers: Patterns over names of attention modules.
        joints: K names; None for all.
        settings: How keys are chosen.
        queries: (K,) tokens that stand for the joints; None for joints' own tokens where the only queries are those,
            as in ``JointTokenHead``, or else the cells under the predicted joints. Keys before the map, such as other
            joints' tokens, are never masked.
        target: Whose loss is measured; None for the head's default.
        good: Only people count whose joint had a KS above it; None for all.
        batch_size: Most crops in a forward pass.
        resamples: Of the bootstrap over images.
        permutations: Of signs.
        seed: Of the bootstrap and the permutations.

    Raises:
        InputError: No layer or joint has such a name, a layer's keys cannot be masked, or nobody counts.
    """
    settings = settings or PlanSettings()
    if not len(people):
        raise InputError('there is nobody whose attention could be put to the test')
    chosen = function.joint_indices(None if joints is None else list(joints))
    seen = see_people(function, people.inputs, chosen, layers, queries, batch_size)
    truth = torch.as_tensor(people.truth, dtype=torch.float32, device=people.inputs.device)
    bound = (target or default_target(function.kind)).bind(function, seen.outputs, seen.pose, truth=truth)
    plans = {name: plan_keys(rows, settings) for name, rows in seen.rows.items()}
    counted = _counted(function, people, seen, good)[:, chosen]
    tested = counted & np.all([plan.ready for plan in plans.values()], axis=0)
    if not tested.any():
        raise InputError(_nobody(people, counted, good))
    runs = run_masked(function, people.inputs, chosen, seen, plans, bound, tested, batch_size)
    scores = _scores(bound, seen, chosen)
    measured = _measure(function, people, chosen, _places(seen), scores, runs)
    size = float(np.nanmedian(np.abs(scores))) if np.isfinite(scores).any() else 0.0
    test = _Statistics(people.images, settings, size, resamples, permutations, seed)
    names = tuple(function.joints[joint] for joint in chosen)
    return AttentionTrial(
        layers=tuple(plans),
        joints=names,
        target=bound.name,
        settings=settings,
        effects={name: test.effects(name, values, names) for name, values in measured.items()},
        overall={
            name: test.effects(name, masked_mean(values, 2)[:, :, None], ('all joints',))
            for name, values in measured.items()
        },
        ranks=test.ranks(measured, plans),
        keys=_mean([plan.count for plan in plans.values()], tested),
        mass=_mean([plan.mass for plan in plans.values()], tested),
        too_even=(counted & ~tested).sum(0),
        rows=seen.rows,
        plans=plans,
        measured=measured,
    )


@dataclass(frozen=True)
class _Statistics:
    """How effects are averaged over people."""

    images: NDArray[np.generic]
    settings: PlanSettings
    target_size: float
    resamples: int
    permutations: int
    seed: int

    def effects(self, quantity: str, values: NDArray[np.float64], joints: tuple[str, ...]) -> PairedEffects:
        """Of the pointed keys against the controls, from (1 + D + G, N, K)."""
        return compare_with_controls(
            values[0],
            values[1 : 1 + self.settings.controls],
            joints,
            self.images,
            tie=self._tie(quantity),
            resamples=self.resamples,
            permutations=self.permutations,
            seed=self.seed,
        )

    def ranks(
        self, measured: Mapping[str, NDArray[np.float64]], plans: Mapping[str, KeyPlan]
    ) -> dict[str, RankAgreement]:
        """Of the groups, by quantity; their weight is the mean over layers."""
        if not self.settings.groups:
            return {}
        mass = np.mean([plan.group_mass for plan in plans.values()], axis=0)
        first = 1 + self.settings.controls
        return {
            name: rank_agreement(mass, values[first:], self.images, self._tie(name), self.resamples, self.seed)
            for name, values in measured.items()
        }

    def _tie(self, quantity: str) -> float:
        return _TIE_OF_TARGET * (self.target_size or 1.0) if quantity == 'target' else _TIE


def _counted(function: PoseFunction, people: LabelledPeople, seen: SeenPeople, good: float | None) -> NDArray[np.bool_]:
    """(N, all joints), who is measured."""
    places = _places(seen)
    counted: NDArray[np.bool_] = np.isfinite(places).all(-1)
    if good is not None:
        found = similarity(function, people, np.arange(len(people)), places)
        counted &= np.nan_to_num(found, nan=0.0) > good
    return counted


def _scores(bound: BoundTarget, seen: SeenPeople, joints: list[int]) -> NDArray[np.float64]:
    """(N, K) of the target without a mask, NaN where it means nothing."""
    scores = torch.where(bound.valid, bound.score(seen.outputs), torch.nan)
    return scores.detach().cpu().numpy().astype(np.float64)[:, joints]


def _measure(
    function: PoseFunction,
    people: LabelledPeople,
    joints: list[int],
    places: NDArray[np.float64],
    scores: NDArray[np.float64],
    runs: MaskedRuns,
) -> dict[str, NDArray[np.float64]]:
    """(V, N, K) by quantity, from places (N, all joints, 2) and scores (N, K) without a mask."""
    everyone = np.arange(len(people))
    moved = np.linalg.norm(runs.places - places[None, :, joints], axis=-1) / people.roots[:, None]
    before = similarity(function, people, everyone, places)[:, joints]
    lost = []
    for masked in runs.places:
        whole = places.copy()
        whole[:, joints] = masked
        lost.append(before - similarity(function, people, everyone, whole)[:, joints])
    return {'displacement': moved, 'ks': np.stack(lost), 'target': scores - runs.scores}


def _places(seen: SeenPeople) -> NDArray[np.float64]:
    return seen.pose.places.cpu().numpy().astype(np.float64)


def _mean(values: list[NDArray[np.floating] | NDArray[np.int64]], tested: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(K,) mean over layers and the people who are tested."""
    return masked_mean(np.where(tested, np.mean(values, axis=0), np.nan))


def _nobody(people: LabelledPeople, counted: NDArray[np.bool_], good: float | None) -> str:
    """Say in one sentence why nobody is left."""
    if counted.any():
        return (
            f'attention of all {len(people)} people is so even that the keys which hold the share leave too few for a '
            'control: take a smaller share'
        )
    which = 'is predicted at a finite place' if good is None else f'is predicted with KS above {good:g}'
    return f'none of {len(people)} people has a joint that {which}'
