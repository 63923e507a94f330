"""All that least squares needs to know of any number of people, in the memory of a few matrices."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posescope.errors import InputError

__all__ = ['MOST_BYTES', 'NormalEquations', 'Sums', 'count_matrices']

MOST_BYTES = 4 * 2**30
"""Most memory for the matrices of one layer."""


@dataclass(frozen=True)
class Sums:
    """Sums over rows of x = (C features, 1) and of wanted values y of K joints; C + 1 = D.

    Attributes:
        gram: (D, D) float64, Σ x xᵀ; the last entry is the number of rows.
        cross: (D, K) float64, Σ x yᵀ.
        squares: (K,) float64, Σ y².
        shift: (C,) float64, what was taken off the features before.
    """

    gram: Tensor
    cross: Tensor
    squares: Tensor
    shift: Tensor

    def __sub__(self, other: 'Sums') -> 'Sums':
        return Sums(self.gram - other.gram, self.cross - other.cross, self.squares - other.squares, self.shift)

    @property
    def rows(self) -> float:
        """How many rows were added."""
        return float(self.gram[-1, -1])


class NormalEquations:
    """Sums of products in float64, fold by fold; memory does not grow with the number of people.

    Rows of a person count for a joint only where the joint is labelled. Joints that are labelled in everybody share
    one matrix; joints that the same people lack, as those of a face, share a further one for these people. Who shares
    shows while people are added: joints part, and their matrix is copied, at the first person who has but some of them.

    Args:
        features: C.
        joints: K.
        folds: F.
        most_bytes: Most memory for the matrices.

    Raises:
        InputError: They would take more memory than that.
    """

    def __init__(self, features: int, joints: int, folds: int, most_bytes: int = MOST_BYTES) -> None:
        self.joints, self.folds = joints, folds
        self._side, self._most = features + 1, most_bytes
        self._bytes = 0
        self._shift: Tensor | None = None
        self._all: dict[int, Sums] = {}
        self._alike: dict[int, list[tuple[list[int], Tensor | None]]] = {}

    @property
    def shift(self) -> Tensor:
        """(C,) what is taken off the features before they are multiplied, so that their mean costs no digits."""
        assert self._shift is not None
        return self._shift

    def add(self, values: Tensor, wanted: Tensor, known: Tensor, folds: Sequence[int]) -> None:
        """Add people.

        Args:
            values: (B, R, C) features of R cells.
            wanted: (B, R, K) what shall be read there.
            known: (B, K) bool, which joints are labelled.
            folds: B numbers below F, the fold of each person.
        """
        values = values.double()
        if self._shift is None:
            self._shift = values.flatten(0, 1).mean(0)
        rows = torch.cat([values - self._shift, torch.ones_like(values[..., :1])], -1)
        wanted = torch.where(known[:, None], wanted.double(), 0.0)
        for fold in sorted(set(folds)):
            people = [person for person, its in enumerate(folds) if its == fold]
            self._add_fold(fold, rows[people], wanted[people], known[people])

    def of(self, joints: Sequence[int], folds: Sequence[int]) -> Sums:
        """Add up folds for joints that are labelled in the same people."""
        parts = [self._all[fold] for fold in folds if fold in self._all]
        gram = torch.stack([part.gram for part in parts]).sum(0)
        for fold in folds:
            for alike, missing in self._alike.get(fold, []):
                if joints[0] in alike and missing is not None:
                    gram = gram - missing
        chosen = list(joints)
        cross = torch.stack([part.cross for part in parts]).sum(0)[:, chosen]
        return Sums(gram, cross, torch.stack([part.squares for part in parts]).sum(0)[chosen], self.shift)

    def groups(self) -> list[list[int]]:
        """Joints that share their matrices in all folds: those labelled in everybody first."""
        found: dict[tuple[int, ...], list[int]] = {}
        for joint in range(self.joints):
            found.setdefault(tuple(self._shared(joint)), []).append(joint)
        return sorted(found.values(), key=lambda group: any(place >= 0 for place in self._shared(group[0])))

    def _shared(self, joint: int) -> Iterator[int]:
        """By fold, which matrix of missing people a joint takes; -1 for none."""
        for groups in self._alike.values():
            for place, (alike, missing) in enumerate(groups):
                if joint in alike:
                    yield -1 if missing is None else place

    @property
    def filled(self) -> list[int]:
        """The folds that hold anybody."""
        return sorted(self._all)

    def _add_fold(self, fold: int, rows: Tensor, wanted: Tensor, known: Tensor) -> None:
        flat, y = rows.flatten(0, 1), wanted.flatten(0, 1)
        if fold not in self._all:
            self._reserve()
            zero = flat.new_zeros
            gram, cross = zero(self._side, self._side), zero(self._side, self.joints)
            self._all[fold] = Sums(gram, cross, zero(self.joints), self.shift)
        sums = self._all[fold]
        sums.gram.addmm_(flat.T, flat)
        sums.cross.addmm_(flat.T, y)
        sums.squares.add_(y.square().sum(0))
        self._alike[fold] = [
            (alike, self._with_missing(missing, rows[~known[:, alike[0]]]))
            for alike, missing in self._parted(fold, known)
        ]

    def _parted(self, fold: int, known: Tensor) -> list[tuple[list[int], Tensor | None]]:
        """Joints that these people (B, K), too, have or lack together, and the matrix of those who lacked them so far.

        The matrix of joints that part is copied but for the first of them.
        """
        columns = [tuple(column) for column in known.T.tolist()]
        found: list[tuple[list[int], Tensor | None]] = []
        for alike, missing in self._alike.get(fold, [(list(range(self.joints)), None)]):
            parted: dict[tuple[bool, ...], list[int]] = {}
            for joint in alike:
                parted.setdefault(columns[joint], []).append(joint)
            for place, joints in enumerate(parted.values()):
                if place and missing is not None:
                    self._reserve()
                    found.append((joints, missing.clone()))
                else:
                    found.append((joints, missing))
        return found

    def _with_missing(self, missing: Tensor | None, without: Tensor) -> Tensor | None:
        """Add the rows (B, R, D) of people who lack the joints."""
        if not len(without):
            return missing
        if missing is None:
            self._reserve()
            missing = without.new_zeros(self._side, self._side)
        flat = without.flatten(0, 1)
        return missing.addmm_(flat.T, flat)

    def _reserve(self) -> None:
        """Count one more matrix."""
        self._bytes += 8 * self._side**2
        if self._bytes > self._most:
            raise InputError(
                f'the normal equations of {self._side - 1} channels take more than the {self._most / 2**30:g} GiB that '
                'are allowed: take fewer folds, a narrower layer, or raise most_bytes of ProbeSettings'
            )


def count_matrices(folds: Sequence[Sequence[NDArray[np.bool_]]]) -> int:
    """Count the matrices that :class:`NormalEquations` of some people will hold, before any of them is seen.

    Args:
        folds: For each fold, which of the K joints each of its people has, (K,).
    """
    # One for everybody, and one for each group of joints that the same people lack.
    lacking = [np.unique(~np.stack(known), axis=1) for known in folds]
    return sum(1 + int(columns.any(0).sum()) for columns in lacking)
