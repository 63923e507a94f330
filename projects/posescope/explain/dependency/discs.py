"""Discs that hide joints, and equal discs that hide none."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posescope.errors import InputError
from posescope.explain.dependency.people import LabelledPeople

__all__ = ['DiscPlan', 'DiscSettings', 'plan_discs']

_SLACK = 1e-6
_NO_DISC = -1
_MOST_CANDIDATES = 50_000
"""Places that are tried for one person's controls."""
_AT_ONCE = 200_000
"""Candidates times pairs that are compared at once: 1.6 MB, which a processor keeps near."""


@dataclass(frozen=True)
class DiscSettings:
    """How large discs are and where their controls may lie.

    Attributes:
        radius: Of a disc, as a share of the root of the person's area; never under one pixel.
        tolerance: By how many radii the distance of a control from the joint that is read may differ. With a little
            room one control serves several pairs of joints; 0 gives each pair its own.
        clearance: How many radii a control keeps from all joints of the person: 1 or more.
        angles: Directions in which controls are looked for around the joint that is read. Of a person with thousands of
            pairs of joints fewer are tried, since candidates of so many pairs lie close together anyway.

    Raises:
        InputError: A number is out of its range.
    """

    radius: float = 0.15
    tolerance: float = 0.25
    clearance: float = 1.25
    angles: int = 24

    def __post_init__(self) -> None:
        if not 0 < self.radius <= 1:
            raise InputError(f'radius={self.radius} has to be above 0 and at most 1, in roots of the area')
        if not 0 <= self.tolerance <= 1:
            raise InputError(f'tolerance={self.tolerance} has to be from 0 to 1, in radii')
        if not self.clearance >= 1:
            raise InputError(f'clearance={self.clearance} has to be 1 or more, in radii: nearer, discs hide joints')
        if self.angles < 2:
            raise InputError(f'angles={self.angles} has to be 2 or more')

    def radii(self, people: LabelledPeople) -> NDArray[np.float64]:
        """(P,) radius of each person's discs, pixels of the input."""
        return np.maximum(self.radius * people.roots, 1.0)


@dataclass(frozen=True)
class DiscPlan:
    """D discs on P people, and what each is for.

    Attributes:
        person: (D,) whose crop it lies on, ascending.
        centre: (D, 2) x and y, pixels of the input.
        radius: (D,) pixels of the input.
        hidden: (P, K) the disc that hides joint j, -1 where there is none.
        control: (P, K, K) the control of hiding j (column) for reading i (row), -1 where there is none.
        covered: (P, K, K) whether the disc that hides j also covers i; true on the diagonal.
    """

    person: NDArray[np.int64]
    centre: NDArray[np.float64]
    radius: NDArray[np.float64]
    hidden: NDArray[np.int64]
    control: NDArray[np.int64]
    covered: NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of discs D."""
        return len(self.person)


def plan_discs(
    people: LabelledPeople,
    places: NDArray[np.float64],
    read: NDArray[np.bool_],
    hide: NDArray[np.bool_],
    settings: DiscSettings | None = None,
) -> DiscPlan:
    """Choose the discs.

    The control of a pair (i, j) is an equal disc as far from i as j is, which lies on the picture and hides no joint.
    Candidates lie on the circle through j around every i. Of these, the one that serves most of the person's pairs is
    taken first, and so on until all pairs have a control for which there is a place; of equals, the one farthest from
    any joint. Nothing is drawn by chance. A joint that lies beside the picture is not hidden: nothing shows it.

    Args:
        people: P people.
        places: (P, K, 2) where all their joints are, labelled or supposed, pixels of the input.
        read: (P, K) joints whose prediction will be read.
        hide: (P, K) joints to hide.
        settings: Sizes.
    """
    settings = settings or DiscSettings()
    hide = hide & people.on_picture(places)
    joints = places.shape[1]
    person, centre, radius = [], [], []
    hidden = np.full((len(people), joints), _NO_DISC, np.int64)
    control = np.full((len(people), joints, joints), _NO_DISC, np.int64)
    apart = np.linalg.norm(places[:, :, None] - places[:, None], axis=-1)  # (P, i, j)
    radii = settings.radii(people)
    covered = (apart <= radii[:, None, None]) & hide[:, None]
    count = 0
    for p in range(len(people)):
        hides = np.flatnonzero(hide[p])
        hidden[p, hides] = count + np.arange(len(hides))
        wanted = read[p][:, None] & hide[p] & ~covered[p] & np.isfinite(apart[p])
        centres, control[p] = _controls(places[p], apart[p], wanted, radii[p], people.region[p], settings)
        control[p][control[p] != _NO_DISC] += count + len(hides)
        discs = np.concatenate([places[p, hides], centres])
        person.append(np.full(len(discs), p))
        centre.append(discs)
        radius.append(np.full(len(discs), radii[p]))
        count += len(discs)
    empty = np.empty(0)
    return DiscPlan(
        np.concatenate(person or [empty]).astype(np.int64),
        np.concatenate(centre or [np.empty((0, 2))]),
        np.concatenate(radius or [empty]),
        hidden,
        control,
        covered,
    )


def _controls(
    places: NDArray[np.float64],
    apart: NDArray[np.float64],
    wanted: NDArray[np.bool_],
    radius: float,
    region: NDArray[np.float64],
    settings: DiscSettings,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Find few controls for many pairs: a greedy cover.

    Args:
        places: (K, 2) joints of a person.
        apart: (K, K) their distances.
        wanted: (K, K) pairs (i, j) that need a control.
        radius: Of the discs.
        region: (4,) where they may lie.
        settings: Sizes.

    Returns:
        (C, 2) centres, and (K, K) the control of each pair, -1 where there is none.
    """
    chosen = np.full(wanted.shape, _NO_DISC, np.int64)
    i, j = np.nonzero(wanted)
    candidates, room = _candidates(places, i, j, radius, region, settings)
    if not len(candidates):
        return np.empty((0, 2)), chosen
    distance = np.ascontiguousarray(np.linalg.norm(candidates[:, None] - places, axis=-1).T)  # (K, C)
    within = settings.tolerance * radius + _SLACK
    open_pairs = np.ones(len(i), bool)
    score = _served(distance, apart, i, j, within)
    centres: list[NDArray[np.float64]] = []
    while score.max() > 0:
        best = np.flatnonzero(score == score.max())
        best = best[np.argmax(room[best])]
        serves = np.abs(distance[i, best] - apart[i, j]) <= within
        served = np.flatnonzero(serves & open_pairs)
        chosen[i[served], j[served]] = len(centres)
        centres.append(candidates[best])
        open_pairs[served] = False
        score = score - _served(distance, apart, i[served], j[served], within)
    return np.array(centres).reshape(-1, 2), chosen


def _served(
    distance: NDArray[np.float64],
    apart: NDArray[np.float64],
    i: NDArray[np.int64],
    j: NDArray[np.int64],
    within: float,
) -> NDArray[np.int64]:
    """Count how many of the pairs (i, j) each candidate serves, (C,).

    A table of all candidates and pairs would take gigabytes for 133 joints, so pairs are compared block by block.
    """
    candidates = distance.shape[1]
    count = np.zeros(candidates, np.int64)
    block = max(1, _AT_ONCE // candidates)
    for start in range(0, len(i), block):
        rows, columns = i[start : start + block], j[start : start + block]
        count += (np.abs(distance[rows] - apart[rows, columns, None]) <= within).sum(0)
    return count


def _candidates(
    places: NDArray[np.float64],
    i: NDArray[np.int64],
    j: NDArray[np.int64],
    radius: float,
    region: NDArray[np.float64],
    settings: DiscSettings,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Turn each j around its i, and keep the places that hide nothing.

    Returns:
        (C, 2) places, and (C,) the distance of each to the nearest joint.
    """
    angles = min(settings.angles, 1 + max(1, _MOST_CANDIDATES // max(1, len(i))))
    turns = 2 * np.pi * np.arange(1, angles) / angles
    turned = np.array([[np.cos(turns), -np.sin(turns)], [np.sin(turns), np.cos(turns)]])  # (2, 2, A)
    away = places[j] - places[i]
    found = places[i][:, None] + np.einsum('xya,ny->nax', turned, away)
    found = found.reshape(-1, 2)
    inside = ((found >= region[:2] + radius) & (found <= region[2:] - radius)).all(1)
    found = found[inside]
    known = places[np.isfinite(places).all(1)]
    room = np.linalg.norm(found[:, None] - known, axis=-1).min(1, initial=np.inf)
    free = room > settings.clearance * radius
    return found[free], room[free]
