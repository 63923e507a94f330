"""What the joints of a group, and whole groups, add to reading a joint: Shapley values within and across groups.

XPose (arXiv 2403.12370) takes them to explain pose models; discs, places and what is left out are ours.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from posescope.errors import InputError, nearest
from posescope.evaluation.bootstrap import Interval
from posescope.evaluation.sensitivity.curve import mean_interval
from posescope.explain.dependency.discs import DiscSettings
from posescope.explain.dependency.effects import GOOD, QUANTITIES, readable, similarity
from posescope.explain.dependency.fills import Fill, build_fills
from posescope.explain.dependency.groups import checked_groups
from posescope.explain.dependency.hiding import places_when_hidden, places_when_seen
from posescope.explain.dependency.pairs import usable_pairs
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.dependency.shapley import MOST_EXACT, coalitions, orders, shapley_values
from posescope.explain.pose_function import PoseFunction

__all__ = ['GroupShapley', 'crops_a_person', 'measure_group_shapley']


@dataclass(frozen=True)
class GroupShapley:
    """Shapley values for N people, K joints and G groups.

    The value of a coalition is how well joint i is seen while its players are visible: its KS, or minus its
    displacement. Positive: seeing the player helps to see i. There is no control here: part of a value is the loss of
    an area of the picture, wherever it is.

    Attributes:
        joints: K names.
        groups: Names of the joints of each group.
        quantity: ``'ks'`` or ``'displacement'``.
        images: (N,) what is resampled together.
        within: (N, K, K) of the other joints of i's group (columns) for joint i (rows), all other groups visible; NaN
            where i was not good, j not visible, in another group, or its disc covers i.
        across: (N, K, G) of the other groups for joint i, its own group visible; NaN where i was not good, or the
            group is i's own, has nothing visible, or covers i.
    """

    joints: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    quantity: str
    images: NDArray[np.generic]
    within: NDArray[np.float64]
    across: NDArray[np.float64]

    def intervals(self, level: str = 'within', resamples: int = 1000, seed: int = 0) -> list[list[Interval]]:
        """Mean over people with its interval over images: K rows of K joints, or of G groups for ``'across'``."""
        values = self.within if level == 'within' else self.across
        people, joints, players = values.shape
        cells = mean_interval(values.reshape(people, -1), self.images, resamples, seed)
        return [cells[row * players : (row + 1) * players] for row in range(joints)]

    def content(self, resamples: int = 1000, seed: int = 0) -> dict[str, Any]:
        """Groups, and means with intervals, as what JSON can hold."""
        levels = {}
        for level in ('within', 'across'):
            rows = self.intervals(level, resamples, seed)
            parts = ('value', 'low', 'high', 'reason')
            levels[level] = {part: [[getattr(cell, part) for cell in row] for row in rows] for part in parts}
        return {
            'joints': list(self.joints),
            'groups': [list(group) for group in self.groups],
            'quantity': self.quantity,
            'people': len(self.images),
            **levels,
        }

    @classmethod
    def join(cls, parts: Sequence['GroupShapley']) -> 'GroupShapley':
        """Put batches of people together.

        Raises:
            InputError: There are none, or they have other joints, groups or quantities.
        """
        if not parts:
            raise InputError('there are no Shapley values to join')
        first = parts[0]
        if len({(part.joints, part.groups, part.quantity) for part in parts}) > 1:
            raise InputError('Shapley values of different joints, groups or quantities cannot be joined')
        images, within, across = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ('images', 'within', 'across')
        )
        return cls(first.joints, first.groups, first.quantity, images, within, across)


@dataclass(frozen=True)
class _Game:
    """Who plays for one joint of one person."""

    person: int
    joint: int
    column: tuple[int, ...]  # of each player, in the table that is filled
    members: tuple[int, ...]  # of each player: its joints as bits
    sampled: list[tuple[int, ...]] | None

    def hidden(self, coalition: int) -> int:
        """The joints to hide, as bits, so that only the coalition is visible."""
        bits = 0
        for place, members in enumerate(self.members):
            if not coalition >> place & 1:
                bits |= members
        return bits


def measure_group_shapley(
    function: PoseFunction,
    people: LabelledPeople,
    groups: Sequence[Sequence[str]],
    *,
    quantity: str = 'ks',
    settings: DiscSettings | None = None,
    fills: Iterable[str | Fill] = ('mean_colour', 'blur'),
    permutations: int = 64,
    seed: int = 0,
    good: float = GOOD,
    batch_size: int = 16,
) -> GroupShapley:
    """Hide coalitions of joints, and of groups.

    All coalitions of up to :data:`posescope.explain.dependency.shapley.MOST_EXACT` players are played; of more, those
    along sampled orders. Each crop with the same joints hidden is seen once for all joints and both levels.

    Args:
        function: The model.
        people: P people.
        groups: Names of the joints of each group; every joint is in one.
        quantity: ``'ks'`` or ``'displacement'``.
        settings: Sizes of discs.
        fills: As of :func:`posescope.explain.dependency.effects.measure_effects`; values are averaged over them.
        permutations: Orders that are sampled where there are too many players.
        seed: Of the sampling.
        good: Only people count whose joint i had a KS above it.
        batch_size: Most crops in a forward pass.

    Raises:
        InputError: A joint, fill or quantity does not exist, or the groups do not hold every joint once.
    """
    if quantity not in QUANTITIES:
        raise InputError(f"quantity '{quantity}' does not exist (nearest: {nearest(quantity, QUANTITIES)})")
    found = checked_groups(groups, function.joints)
    settings = settings or DiscSettings()
    seen = places_when_seen(function, people.inputs, batch_size)
    reads = readable(function, people, seen, good)
    radii = settings.radii(people)
    usable = usable_pairs(people, seen, radii)
    within, across = _games(reads, usable, people.hideable, found, permutations, seed)
    needed = _needed((*within, *across))
    worth = _worth(function, people, seen, needed, radii, build_fills(fills, function), quantity, batch_size)
    table = dict(zip(needed, worth, strict=True))
    count, joints = reads.shape
    return GroupShapley(
        function.joints,
        tuple(tuple(function.joints[joint] for joint in group) for group in found),
        quantity,
        people.images,
        _fill_in(within, table, (count, joints, joints)),
        _fill_in(across, table, (count, joints, len(found))),
    )


def crops_a_person(
    groups: Sequence[Sequence[str]], joints: Sequence[str], permutations: int = 64, seed: int = 0
) -> int:
    """Count the crops with one fill that :func:`measure_group_shapley` sees of a person whose joints all count.

    Args:
        groups: As there.
        joints: Names of the skeleton.
        permutations: As there.
        seed: As there.

    Raises:
        InputError: The groups do not hold every joint once.
    """
    all_seen = np.ones((1, len(joints)), bool)
    others = ~np.eye(len(joints), dtype=bool)[None]
    within, across = _games(all_seen, others, all_seen, checked_groups(groups, joints), permutations, seed)
    return len(_needed((*within, *across)))


def _needed(games: Iterable['_Game']) -> list[tuple[int, int]]:
    """Persons, and sets of joints to hide, as bits."""
    return sorted({(game.person, game.hidden(c)) for game in games for c in _coalitions(game)})


def _games(
    reads: NDArray[np.bool_],
    usable: NDArray[np.bool_],
    visible: NDArray[np.bool_],
    groups: list[list[int]],
    permutations: int,
    seed: int,
) -> tuple[list[_Game], list[_Game]]:
    """List who plays for each joint that is read: the others of its group, and the other groups."""
    own = {joint: place for place, group in enumerate(groups) for joint in group}
    within, across = [], []
    for person, joint in np.argwhere(reads).tolist():
        mates = [j for j in groups[own[joint]] if j != joint and usable[person, joint, j]]
        within.append(_game(person, joint, {j: 1 << j for j in mates}, permutations, seed))
        others = {}
        for place, group in enumerate(groups):
            shown = [j for j in group if visible[person, j]]
            if place != own[joint] and shown and usable[person, joint, shown].all():
                others[place] = sum(1 << j for j in shown)
        across.append(_game(person, joint, others, permutations, seed))
    return within, across


def _game(person: int, joint: int, players: dict[int, int], permutations: int, seed: int) -> _Game:
    many = len(players) > MOST_EXACT
    sampled = orders(len(players), permutations, seed) if many else None
    return _Game(person, joint, tuple(players), tuple(players.values()), sampled)


def _coalitions(game: _Game) -> list[int]:
    return coalitions(len(game.members), game.sampled)


def _worth(
    function: PoseFunction,
    people: LabelledPeople,
    seen: NDArray[np.float64],
    needed: list[tuple[int, int]],
    radii: NDArray[np.float64],
    fills: tuple[Fill, ...],
    quantity: str,
    batch_size: int,
) -> NDArray[np.float64]:
    """How well each joint is seen with sets of joints hidden, (D, K)."""
    joints = len(function.joints)
    person = np.array([person for person, _ in needed], np.int64)
    hidden = np.array([[bits >> joint & 1 for joint in range(joints)] for _, bits in needed], bool)
    hidden = hidden.reshape(-1, joints)
    centres = np.where(hidden[..., None], people.truth[person], np.nan)
    total = np.zeros((len(needed), joints))
    for fill in fills:
        surface = fill.surface(people, torch.from_numpy(radii))
        places = places_when_hidden(function, people, surface, person, centres, radii[person], batch_size)
        if quantity == 'ks':
            total += similarity(function, people, person, places)
        else:
            total -= np.linalg.norm(places - seen[person], axis=-1) / people.roots[person, None]
    return total / len(fills)


def _fill_in(
    games: list[_Game], table: dict[tuple[int, int], NDArray[np.float64]], shape: tuple[int, int, int]
) -> NDArray[np.float64]:
    filled = np.full(shape, np.nan)
    for game in games:
        values = {c: table[game.person, game.hidden(c)][game.joint] for c in _coalitions(game)}
        found = shapley_values(values, len(game.members), game.sampled)
        filled[game.person, game.joint, list(game.column)] = found
    return filled
