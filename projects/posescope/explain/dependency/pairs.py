"""Which pairs of joints of a person tell something: one is read, the other can be hidden without covering the first."""

import numpy as np
from numpy.typing import NDArray

from posescope.explain.dependency.discs import DiscSettings
from posescope.explain.dependency.effects import GOOD, readable
from posescope.explain.dependency.hiding import places_when_seen
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.pose_function import PoseFunction

__all__ = ['counted_pairs', 'usable_pairs']


def usable_pairs(people: LabelledPeople, seen: NDArray[np.float64], radii: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(P, i, j), whether hiding j tells of i: j can be seen, and its disc does not cover i.

    Args:
        people: P people.
        seen: (P, K, 2) where joints were predicted, which stands for those that are not labelled.
        radii: (P,) of the discs, pixels of the input.
    """
    places = np.where(np.isfinite(people.truth), people.truth, seen)
    apart = np.linalg.norm(places[:, :, None] - people.truth[:, None], axis=-1)
    return people.hideable[:, None] & ~(apart <= radii[:, None, None])


def counted_pairs(
    function: PoseFunction,
    people: LabelledPeople,
    settings: DiscSettings | None = None,
    good: float = GOOD,
    batch_size: int = 16,
) -> NDArray[np.bool_]:
    """(P, i, j), the pairs that a dependency matrix counts, and on the diagonal joints that were good and can be seen.

    Args:
        function: The model.
        people: P people.
        settings: Sizes of discs.
        good: KS that joint i has to exceed.
        batch_size: Most crops in a forward pass.
    """
    seen = places_when_seen(function, people.inputs, batch_size)
    reads = readable(function, people, seen, good)
    usable = usable_pairs(people, seen, (settings or DiscSettings()).radii(people))
    itself = np.eye(reads.shape[1], dtype=bool) & people.hideable[:, None]
    return reads[:, :, None] & (usable | itself)
