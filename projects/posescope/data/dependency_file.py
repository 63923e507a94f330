"""Which joint leans on which, as a file says that an explanation wrote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posescope.data.annotations import match_joints, read_json
from posescope.errors import InputError, nearest

__all__ = ['Dependency', 'read_dependency']


@dataclass(frozen=True)
class Dependency:
    """A matrix of dependencies.

    Attributes:
        joints: K names.
        value: (K, K) float64, effect on joint i (row) of hiding joint j (column); NaN where it was not measured.
        path: The file.
    """

    joints: tuple[str, ...]
    value: NDArray[np.float64]
    path: Path

    def for_joints(self, wanted: Sequence[str]) -> NDArray[np.float64]:
        """Return the matrix of these joints in this order: (N, N).

        Raises:
            InputError: The file lacks one of them.
        """
        order = match_joints(self.joints, wanted, self.path)
        return self.value[np.ix_(order, order)]

    def dealt(self, seed: int) -> 'Dependency':
        """Permute rows and columns alike: the same graph between other joints, as a placebo.

        No joint keeps its place, if there are two or more.

        Args:
            seed: Of the permutation.
        """
        generator = np.random.default_rng(seed)
        places = np.arange(len(self.joints))
        order = places
        while len(places) > 1 and (order == places).any():
            order = generator.permutation(places)
        return Dependency(self.joints, self.value[np.ix_(order, order)], self.path)


def read_dependency(path: str | Path, quantity: str = 'ks') -> Dependency:
    """Read a dependency matrix.

    Args:
        path: A ``dependency.json``, as ``DependencyHook`` writes it, or one matrix alone: an object with ``joints`` and
            ``value``.
        quantity: Which of the file's matrices: ``'ks'`` or ``'displacement'``.

    Raises:
        InputError: The file is missing, holds no such matrix, or its size is not that of the list of joints.
    """
    path = Path(path)
    content = read_json(path, 'dependency matrix')
    matrices = content.get('matrices') if isinstance(content, Mapping) else None
    if isinstance(matrices, Mapping):
        if quantity not in matrices:
            raise InputError(f"{path} holds no matrix of '{quantity}' (nearest: {nearest(quantity, matrices)})")
        content = matrices[quantity]
    joints, value = _parts(content)
    if joints is None or value is None or value.shape != (len(joints), len(joints)):
        raise InputError(
            f'{path} is no dependency matrix, joints (K) and value (K, K): write it with DependencyHook of '
            '--interpret-config configs/_base_/explain.py'
        )
    return Dependency(joints, value, path)


def _parts(content: Any) -> tuple[tuple[str, ...] | None, NDArray[np.float64] | None]:
    if not isinstance(content, Mapping) or not isinstance(content.get('joints'), list):
        return None, None
    try:
        value = np.array(content.get('value'), np.float64)  # None becomes NaN
    except (TypeError, ValueError):
        return None, None
    return tuple(map(str, content['joints'])), value
