"""All that least squares needs to know of any number of people, in the memory of a few matrices."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from posescope.errors import InputError

__all__ = ['MOST_BYTES', 'NormalEquations', 'Sums']

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

    Rows of a person count for a joint only where the joint is labelled. A joint that is labelled in everybody shares
    one matrix with all such joints; any other takes a further matrix of its own for the people without it.

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
        self._missing: dict[tuple[int, int], Tensor] = {}

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
            if (fold, joints[0]) in self._missing:
                gram = gram - self._missing[fold, joints[0]]
        chosen = list(joints)
        cross = torch.stack([part.cross for part in parts]).sum(0)[:, chosen]
        return Sums(gram, cross, torch.stack([part.squares for part in parts]).sum(0)[chosen], self.shift)

    def groups(self) -> list[list[int]]:
        """Joints that share their matrices: those labelled in everybody, then each of the others."""
        apart = sorted({joint for _, joint in self._missing})
        together = [joint for joint in range(self.joints) if joint not in apart]
        return [*([together] if together else []), *([joint] for joint in apart)]

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
        for joint in (~known).any(0).nonzero()[:, 0].tolist():
            without = rows[~known[:, joint]].flatten(0, 1)
            if (fold, joint) not in self._missing:
                self._reserve()
                self._missing[fold, joint] = flat.new_zeros(self._side, self._side)
            self._missing[fold, joint].addmm_(without.T, without)

    def _reserve(self) -> None:
        """Count one more matrix."""
        self._bytes += 8 * self._side**2
        if self._bytes > self._most:
            raise InputError(
                f'the normal equations of {self._side - 1} channels take more than the {self._most / 2**30:g} GiB that '
                'are allowed: take fewer folds or joints, a narrower layer, or raise most_bytes'
            )
