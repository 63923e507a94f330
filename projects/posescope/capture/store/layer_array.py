"""One layer of a store, as an array that lies on the disk."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from posescope.capture.store.memory_order import find_layer
from posescope.capture.store.tensor_file import TensorFile
from posescope.errors import InputError

__all__ = ['LayerArray', 'ShardFiles']


_MOST_OPEN = 256
"""Files mapped at a time; each takes a file descriptor, of which many systems give 1024 to a process."""


class ShardFiles:
    """Shards of a store, opened when they are looked at; the longest unused are let go."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self._opened = lru_cache(_MOST_OPEN)(TensorFile)

    def __getitem__(self, shard: int) -> TensorFile:
        return self._opened(self.paths[shard])

    def __reduce__(self) -> tuple:
        return ShardFiles, (self.paths,)  # each worker of a data loader opens its own


class LayerArray:
    """What a layer gave for N samples; only what is looked at is read.

    Indexing works as with numpy along the first axis: an integer gives a view on the file, a slice, a mask or an array
    of integers a copy; further indices go to the rows.

    Args:
        name: Of the layer.
        shape: Of a row.
        dtype: Of the values.
        files: Shards.
        shard: (N,) in which shard a row lies.
        row: (N,) where in it.
    """

    def __init__(
        self,
        name: str,
        shape: Sequence[int],
        dtype: DTypeLike,
        files: ShardFiles,
        shard: NDArray[np.int64],
        row: NDArray[np.int64],
    ) -> None:
        self.name, self.dtype = name, np.dtype(dtype)
        self._row_shape, self._files, self._shard, self._row = tuple(shape), files, shard, row

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, ...)."""
        return len(self._row), *self._row_shape

    @property
    def ndim(self) -> int:
        """Axes, that of samples included."""
        return 1 + len(self._row_shape)

    @property
    def nbytes(self) -> int:
        """Of all rows."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def __len__(self) -> int:
        return len(self._row)

    def __getitem__(self, index: Any) -> NDArray:
        index = index if isinstance(index, tuple) else (index,)
        if not index or index[0] is Ellipsis:
            taken = sum(part is not None for part in index[1:])
            index = (slice(None),) * (self.ndim - taken) + index[1:]
        first, rest = index[0], index[1:]
        if isinstance(first, int | np.integer):
            shard, row = self._shard[first], self._row[first]
            place = (row, *rest)
            return self._read(shard)[place]
        rows = self._gather(np.arange(len(self))[first])
        return rows[(slice(None),) * max(1, rows.ndim - len(self._row_shape)) + rest] if rest else rows

    def __iter__(self) -> Iterator[NDArray]:
        return (self[row] for row in range(len(self)))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        if copy is False:
            raise ValueError('a layer on the disk cannot become an array without a copy')
        values = self[:]
        return values if dtype is None else values.astype(dtype, copy=False)

    def __repr__(self) -> str:
        return f'LayerArray({self.name!r}, shape={self.shape}, dtype={self.dtype})'

    def _read(self, shard: int) -> NDArray:
        try:
            return find_layer(self._files[shard], self.name)
        except KeyError:
            raise InputError(f'{self._files.paths[shard]} is broken: it holds no layer {self.name}') from None

    def _gather(self, chosen: NDArray[np.int64]) -> NDArray:
        flat = chosen.reshape(-1)
        values = np.empty((len(flat), *self._row_shape), self.dtype)
        shards = self._shard[flat]
        # Shard after shard and there row after row, so that the disk is read in one direction.
        by_place = np.lexsort((self._row[flat], shards))
        for places in np.split(by_place, np.flatnonzero(np.diff(shards[by_place])) + 1):
            if len(places):
                values[places] = self._read(shards[places[0]])[self._row[flat[places]]]
        return values.reshape(*chosen.shape, *self._row_shape)
