"""Other matrices between joints, with which a dependency matrix is compared: attribution, and attention."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posescope.errors import InputError
from posescope.explain.attribution.method import Method
from posescope.explain.dependency.attention_relation import attention_between_joints
from posescope.explain.dependency.attribution_relation import attribution_between_joints, relation_method
from posescope.explain.dependency.comparison import Agreement, mantel
from posescope.explain.dependency.dependency_matrix import masked_mean
from posescope.explain.dependency.discs import DiscSettings
from posescope.explain.dependency.pairs import counted_pairs
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.pose_function import PoseFunction

__all__ = ['Relation', 'measure_relations']


@dataclass(frozen=True)
class Relation:
    """What joint i (row) has to do with joint j (column), averaged over people.

    Attributes:
        source: What it was read from: a method of attribution, or how many layers of attention.
        value: (K, K), NaN where no pair counts; None where there is no such matrix.
        people: (K, K) int, how many count; None likewise.
        reason: Why there is no matrix; empty if there is one.
    """

    source: str
    value: NDArray[np.float64] | None = None
    people: NDArray[np.int64] | None = None
    reason: str = ''

    def agreement(self, matrix: NDArray[np.float64], permutations: int = 9999, seed: int = 0) -> Agreement:
        """Compare a dependency matrix (K, K) with it, as :func:`~posescope.explain.dependency.comparison.mantel`."""
        if self.value is None:
            return Agreement(None, None, 0, self.reason)
        return mantel(matrix, self.value, permutations, seed)

    def content(self) -> dict[str, Any]:
        """Everything as what JSON can hold; NaN becomes None."""
        plain = None
        if self.value is not None:
            plain = [[cell if np.isfinite(cell) else None for cell in row] for row in self.value.tolist()]
        counts = None if self.people is None else self.people.tolist()
        return {'source': self.source, 'value': plain, 'people': counts, 'reason': self.reason}


def measure_relations(
    function: PoseFunction,
    people: Iterable[LabelledPeople],
    method: str | Method | None = None,
    settings: DiscSettings | None = None,
    batch_size: int = 16,
) -> dict[str, Relation]:
    """Read attribution and attention between joints, of the pairs that dependency counts.

    Args:
        function: The model.
        people: Batches of people.
        method: Of attribution, see :func:`~posescope.explain.dependency.attribution_relation.relation_method`.
        settings: Sizes of discs: a joint under the disc that hides another does not count with it.
        batch_size: Most crops in a pass.

    Returns:
        ``'ri'`` and ``'attention'``; what a model does not have tells the reason.
    """
    attention_of: list[str] = []
    attribution_of: list[str] = []

    def attribution(some: LabelledPeople) -> NDArray[np.float64]:
        made = relation_method(function, method, batch_size)
        attribution_of[:] = [made.name]
        return attribution_between_joints(function, some, made, batch_size)

    def attention(some: LabelledPeople) -> NDArray[np.float64]:
        found, layers = attention_between_joints(function, some, batch_size)
        attention_of[:] = [f'{len(layers)} layers of attention' if len(layers) > 1 else layers[0]]
        return found

    readers = {'ri': _Reader(attribution), 'attention': _Reader(attention)}
    for some in people:
        counted = counted_pairs(function, some, settings, batch_size=batch_size)
        kept = counted.any((1, 2))
        if kept.any():
            for reader in readers.values():
                reader.add(some.take(kept), counted[kept])
    sources = {'ri': attribution_of, 'attention': attention_of}
    return {name: reader.relation(' '.join(sources[name])) for name, reader in readers.items()}


class _Reader:
    """Gathers one matrix over batches, and stops at the first that cannot be read."""

    def __init__(self, read: Callable[[LabelledPeople], NDArray[np.float64]]) -> None:
        self._read = read
        self._parts: list[NDArray[np.float64]] = []
        self._reason = ''

    def add(self, people: LabelledPeople, counted: NDArray[np.bool_]) -> None:
        if self._reason:
            return
        try:
            self._parts.append(np.where(counted, self._read(people), np.nan))
        except InputError as error:
            self._reason = str(error)

    def relation(self, source: str) -> Relation:
        if self._reason or not self._parts:
            return Relation('', reason=self._reason or 'nobody has a pair of joints that counts')
        every = np.concatenate(self._parts)
        return Relation(source, masked_mean(every), np.isfinite(every).sum(0))
