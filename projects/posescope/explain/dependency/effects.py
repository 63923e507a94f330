"""What hiding each joint of each person does to every joint, and what its control does."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from posescope.errors import InputError, nearest
from posescope.evaluation.oks import ks
from posescope.explain.dependency.discs import DiscPlan, DiscSettings, plan_discs
from posescope.explain.dependency.fills import Fill, build_fills
from posescope.explain.dependency.hiding import places_when_hidden, places_when_seen
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.pose_function import PoseFunction

__all__ = ['FILLS_BY_DEFAULT', 'GOOD', 'QUANTITIES', 'Effects', 'measure_effects', 'readable', 'similarity']

GOOD = 0.85
"""KS above which a joint counts as good (Ronchi and Perona, ICCV 2017)."""
QUANTITIES = {'ks': 'KS lost', 'displacement': 'displacement, roots of the area'}
"""What an effect is measured in; both grow with what hiding does."""
FILLS_BY_DEFAULT = ('mean_colour', 'blur')


@dataclass(frozen=True)
class Effects:
    """Effects on N people, of whom somebody's joint could be hidden.

    Attributes:
        joints: K names.
        fills: F names.
        images: (N,) what is resampled together.
        hidden: By quantity of :data:`QUANTITIES`, (F, N, K, K) float32 effect on joint i (row) of hiding joint j
            (column); NaN where i was not good, j not visible in the crop, or the disc covers i.
        control: The same for the control of each pair; NaN also where there was no place for one.
        covered: (N, K, K) whether i was good, and the disc over j covers it.
        left_out: How many people had no visible joint to hide or no good joint to read.
    """

    joints: tuple[str, ...]
    fills: tuple[str, ...]
    images: NDArray[np.generic]
    hidden: Mapping[str, NDArray[np.float32]]
    control: Mapping[str, NDArray[np.float32]]
    covered: NDArray[np.bool_]
    left_out: int = 0

    def __len__(self) -> int:
        """Number of people N."""
        return len(self.images)

    def difference(self, quantity: str = 'ks') -> NDArray[np.float64]:
        """Effect of hiding j on i beyond that of the control: (F, N, K, K), NaN where either is missing.

        Raises:
            InputError: There is no such quantity.
        """
        if quantity not in QUANTITIES:
            raise InputError(f"quantity '{quantity}' does not exist (nearest: {nearest(quantity, QUANTITIES)})")
        return self.hidden[quantity].astype(np.float64) - self.control[quantity]

    @classmethod
    def join(cls, parts: Sequence['Effects']) -> 'Effects':
        """Put batches of people together.

        Raises:
            InputError: There are none, or they have other joints or fills.
        """
        if not parts:
            raise InputError('there are no effects to join')
        if len({(part.joints, part.fills) for part in parts}) > 1:
            raise InputError('effects of different joints or fills cannot be joined')
        hidden, control = (
            {name: np.concatenate([kind(part)[name] for part in parts], axis=1) for name in QUANTITIES}
            for kind in (lambda part: part.hidden, lambda part: part.control)
        )
        return cls(
            parts[0].joints,
            parts[0].fills,
            np.concatenate([part.images for part in parts]),
            hidden,
            control,
            np.concatenate([part.covered for part in parts]),
            sum(part.left_out for part in parts),
        )


def measure_effects(
    function: PoseFunction,
    people: LabelledPeople,
    *,
    settings: DiscSettings | None = None,
    fills: Iterable[str | Fill] = FILLS_BY_DEFAULT,
    read: list[str] | None = None,
    hide: list[str] | None = None,
    good: float = GOOD,
    batch_size: int = 16,
) -> Effects:
    """Hide each visible joint of each person behind a disc, and equal places that are no joint.

    Each crop with a disc is seen once, and all joints are read from it. For more people than fit into memory, see
    :meth:`Effects.join`.

    Args:
        function: The model.
        people: P people.
        settings: Sizes of discs and places of controls.
        fills: Names or fills; two or more tell an effect of hiding from one of what is put there.
        read: Names of the joints to read; None for all.
        hide: Names of the joints to hide; None for all.
        good: Only people count whose joint i had a KS above it.
        batch_size: Most crops in a forward pass.

    Raises:
        InputError: No such joint or fill, or nobody has a joint to hide and one to read.
    """
    made = build_fills(fills, function)
    seen = places_when_seen(function, people.inputs, batch_size)
    reads = readable(function, people, seen, good) & _chosen(function, read)
    hides = people.hideable & _chosen(function, hide)
    kept = reads.any(1) & hides.any(1)
    if not kept.any():
        raise InputError(_nobody(people, reads, hides, good))
    people, seen, reads, hides = people.take(kept), seen[kept], reads[kept], hides[kept]
    places = np.where(np.isfinite(people.truth), people.truth, seen)
    plan = plan_discs(people, places, reads, hides, settings)
    measured = [_effects_of_fill(function, people, seen, plan, fill, batch_size) for fill in made]
    hidden, control = (
        {name: np.stack([_by_pair(each[name], rows, plan, reads) for each in measured]) for name in QUANTITIES}
        for rows in (np.broadcast_to(plan.hidden[:, None], plan.control.shape), plan.control)
    )
    return Effects(
        function.joints,
        tuple(fill.name for fill in made),
        people.images,
        hidden,
        control,
        plan.covered & reads[:, :, None],
        int((~kept).sum()),
    )


def readable(
    function: PoseFunction, people: LabelledPeople, seen: NDArray[np.float64], good: float = GOOD
) -> NDArray[np.bool_]:
    """(P, K), whether a joint is labelled and was predicted well from the whole crop, at ``seen`` (P, K, 2)."""
    found = similarity(function, people, np.arange(len(people)), seen)
    return np.nan_to_num(found, nan=0.0) > good


def similarity(
    function: PoseFunction, people: LabelledPeople, person: NDArray[np.int64], places: NDArray[np.float64]
) -> NDArray[np.float64]:
    """KS of places (D, K, 2) of people (D,): (D, K), NaN where a joint is not labelled."""
    truth = people.truth[person]
    labelled = np.isfinite(truth).all(-1, keepdims=True)
    return ks(places, np.concatenate([truth, labelled], -1), people.areas[person], function.sigmas)


def _effects_of_fill(
    function: PoseFunction,
    people: LabelledPeople,
    seen: NDArray[np.float64],
    plan: DiscPlan,
    fill: Fill,
    batch_size: int,
) -> dict[str, NDArray[np.float64]]:
    """(D, K) effects of each disc on every joint, by quantity."""
    radii = np.zeros(len(people))
    radii[plan.person] = plan.radius
    surface = fill.surface(people, torch.from_numpy(radii))
    places = places_when_hidden(function, people, surface, plan.person, plan.centre[:, None], plan.radius, batch_size)
    before = similarity(function, people, np.arange(len(people)), seen)[plan.person]
    moved = np.linalg.norm(places - seen[plan.person], axis=-1) / people.roots[plan.person, None]
    return {'ks': before - similarity(function, people, plan.person, places), 'displacement': moved}


def _by_pair(
    values: NDArray[np.float64], discs: NDArray[np.int64], plan: DiscPlan, reads: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Look up (D, K) effects for discs (P, i, j): (P, i, j), NaN where there is none or i is not read."""
    joint = np.arange(values.shape[1])[:, None]
    known = (discs >= 0) & ~plan.covered & reads[:, :, None]
    return np.where(known, values[discs, joint], np.nan).astype(np.float32)


def _chosen(function: PoseFunction, names: list[str] | None) -> NDArray[np.bool_]:
    """(K,) bool."""
    chosen = np.zeros(len(function.joints), bool)
    chosen[function.joint_indices(names)] = True
    return chosen


def _nobody(people: LabelledPeople, reads: NDArray[np.bool_], hides: NDArray[np.bool_], good: float) -> str:
    """Say in one sentence why nobody is left."""
    many = len(people) != 1
    who = f'none of {len(people)} people has' if many else f'the person (image {people.images[0]}) does not have'
    if not hides.any():
        return f'{who} a visible joint to hide: it takes labels of joints that can be seen, inside of the crop'
    if not reads.any():
        return f'{who} a joint that the model predicts well (KS above {good:g}) to read'
    return f'{who} both a visible joint to hide and a joint with KS above {good:g} to read'
