"""Writes a capture store while a model runs."""

import json
import logging
import shutil
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from math import prod
from pathlib import Path
from types import TracebackType
from typing import Any

from numpy.typing import NDArray

from posescope.atomic import atomic_write
from posescope.capture.store.block_queue import Block
from posescope.capture.store.fitted import forget_fitted, load_fitted, save_fitted
from posescope.capture.store.folder_lock import FolderLock
from posescope.capture.store.index import SampleIndex
from posescope.capture.store.manifest import ORDERED, Manifest, done_file, grid_entry, remove_leftovers, shards
from posescope.capture.store.memory_order import PLAIN, order_of, orders_in, shape_of
from posescope.capture.store.rows import FLOATS, stored_rows
from posescope.capture.store.sample import Key, Sample
from posescope.capture.store.shard_thread import ShardThread
from posescope.capture.store.tensor_file import TensorFile
from posescope.errors import NO_ROOM, CaptureError, InputError, nearest

__all__ = ['StoreWriter']

_MIB = 2**20
_PARTS, _LEAST = 8, 4 * _MIB
"""In how many shards a short run is divided, and how small they may get."""
_LOGGER = logging.getLogger(__name__)


class StoreWriter:
    """Writes samples with what layers gave for them; a context manager.

    A run that was stopped, or killed, goes on with a new writer on the same folder: samples in complete shards are
    skipped, and the folder ends with the same files, byte for byte, as if nothing had happened, provided that samples
    come in the same order.

    Args:
        folder: Of the store; made if it does not exist.
        identity: What must agree for a run to go on in a folder, e.g. ``{'config': sha256, 'checkpoint': sha256}``.
        rank: Of this process.
        world: Number of processes that write to the folder, each from its own part of the data.
        dtype: Of floating point layers in the store: ``float16``, ``float32`` or ``float64``. Others keep theirs.
        shard_bytes: About how large a shard gets; in short runs less.
        queue_bytes: How much may wait for the disk; :meth:`write` waits beyond it.
        expected: Samples that all ranks will write together; None if not known, then room on the disk is not checked.
        details: Goes into the manifest; plain JSON, the same in each rank.
        announce: Told in one line how large the store will be, in rank 0.

    Raises:
        InputError: The folder cannot be used, belongs to another run, or another run writes to it.
    """

    def __init__(
        self,
        folder: str | Path,
        identity: Mapping[str, str],
        rank: int = 0,
        world: int = 1,
        dtype: str = 'float16',
        shard_bytes: int = 64 * _MIB,
        queue_bytes: int = 256 * _MIB,
        expected: int | None = None,
        details: Mapping[str, Any] | None = None,
        announce: Callable[[str], None] = _LOGGER.info,
    ) -> None:
        if dtype not in FLOATS:
            raise InputError(f'dtype={dtype!r} is not a type of the store; nearest: {nearest(dtype, FLOATS)}')
        self.folder, self.rank, self.world = Path(folder), rank, world
        self._plan: dict[str, Any] = dict(identity=dict(identity), dtype=dtype, world=world, expected=expected)
        self._details, self._announce = dict(details or {}), announce
        self._shard_bytes, self._queue_bytes = shard_bytes, queue_bytes
        self._layers: dict[str, dict[str, Any]] = {}
        self._threads: list[ShardThread] = []
        _make(self.folder)
        # Lets go also when the writer is forgotten instead of closed.
        self._let_go = weakref.finalize(self, _let_go, FolderLock(self.folder, rank), self._threads)
        try:
            self._manifest = Manifest.load(self.folder)
            self._taken, self._keys, self._orders = self._resume()
        except BaseException:
            self._let_go()
            raise

    @property
    def expected(self) -> int | None:
        """Samples that all ranks will write together; None if not known."""
        expected: int | None = self._plan['expected']
        return expected

    def has(self, sample: Sample) -> bool:
        """Whether a sample is in this rank's part of the store, or on its way there, so that it need not come again."""
        return sample.key in self._keys

    def write(
        self,
        samples: Sequence[Sample],
        arrays: Mapping[str, Any],
        grids: Mapping[str, Any] | None = None,
        reductions: Mapping[str, Mapping[str, Any] | None] | None = None,
        copy: bool = True,
    ) -> None:
        """Add samples; those that are there already are skipped.

        The first call fixes layers and shapes, announces the size and checks that the disk has room.

        Args:
            samples: N.
            arrays: Layer → (N, ...) tensor or array.
            grids: Layer → how its cells lie on the model's input, ``scale`` and ``offset``, each for y and x: input
                pixel = scale · cell + offset. Of the first call.
            reductions: Layer → what was done with it before, as ``Reduction.describe`` says. Of the first call.
            copy: Whether arrays may be changed afterwards by their owner, and are copied for that reason.

        Raises:
            CaptureError: Layers or shapes differ from those of the first call, values do not fit into the type, there
                is no layer, or a sample has the ids of one from another picture.
            InputError: The disk is full, for example.
        """
        if not self._let_go.alive:
            raise CaptureError(f'{self.folder}: its writer is closed')
        if not samples:
            return
        if not arrays:
            raise CaptureError(f'{self.folder}: there is no layer to write')
        index = SampleIndex.of(samples)
        new = self._new(index)
        if not self._layers:
            self._orders = {name: self._order_of(name, array) for name, array in arrays.items()}
        rows = {name: self._rows(name, array, len(samples), new, copy) for name, array in arrays.items()}
        with self._explaining():
            if self._layers:
                self._check(rows)
            else:
                self._begin(rows, grids or {}, reductions or {})
            if new:
                chosen = index if len(new) == len(index) else index.take(new)
                self._threads[0].put(Block(chosen, {self._orders[name] + name: rows[name] for name in rows}))
        self._keys.update((index.keys[row], index.image_paths[row]) for row in new)

    def save_fitted(self, layer: str, arrays: Mapping[str, NDArray]) -> None:
        """Keep what a layer's reduction was fitted to, for readers and for a resumed run; the same in each rank."""
        with self._explaining():
            save_fitted(self.folder, layer, arrays, self.rank)

    def fitted(self, layer: str) -> dict[str, NDArray]:
        """Give what :meth:`save_fitted` kept; empty if nothing."""
        return load_fitted(self.folder, layer)

    def close(self) -> None:
        """Wait until everything is on the disk, and mark this rank's part as complete.

        Raises:
            InputError: Something could not be written.
        """
        if not self._let_go.alive:
            return
        try:
            with self._explaining():
                for thread in self._threads:
                    thread.finish(rest=True)
                content = json.dumps(dict(shards=len(self._taken), samples=len(self._keys))) + '\n'
                atomic_write(done_file(self.folder, self.rank), content.encode())
        finally:
            self._let_go()

    def __enter__(self) -> 'StoreWriter':
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._let_go()

    def _resume(self) -> tuple[set[int], dict[Key, str], dict[str, str]]:
        """Check that this run may go on here.

        Returns:
            The numbers of this rank's shards, the samples in them with their pictures, and by layer the order of its
            axes.
        """
        paths = shards(self.folder, self.rank)
        if self._manifest is not None:
            self._manifest.continue_as(self.folder, **self._plan)
        elif shards(self.folder):
            raise InputError(
                f'{self.folder} holds shards but no manifest.json; choose another folder, or delete this one'
            )
        with self._explaining():
            remove_leftovers(self.folder, self.rank)
            if self._manifest is None:
                forget_fitted(self.folder)  # no rank fits before all of them are here
        numbers = {int(path.stem.split('-')[1]) for path in paths}
        orders = orders_in(TensorFile(paths[0])) if paths else {}
        there, _ = SampleIndex.read(paths)
        return numbers, dict(zip(there.keys, there.image_paths, strict=True)), orders

    def _new(self, index: SampleIndex) -> list[int]:
        """Give the rows of samples that are not there yet, each once."""
        first: dict[Key, int] = {}
        for row, (key, path) in enumerate(zip(index.keys, index.image_paths, strict=True)):
            before = self._keys.get(key)
            if before is None:
                before = index.image_paths[first.setdefault(key, row)]
            if path != before:
                raise CaptureError(
                    f'image id {key[0]}, annotation id {key[1]} is in {before} and in {path}: data sets that share ids '
                    'cannot share a store; test each by itself'
                )
        return list(first.values())

    def _order_of(self, layer: str, values: Any) -> str:
        """In which order a layer's axes are stored: as in this rank's shards, or else as the first batch lies."""
        if self._manifest is not None and self._manifest.format < ORDERED:
            return PLAIN
        return self._orders.get(layer) or order_of(values)

    def _rows(self, layer: str, values: Any, count: int, rows: Sequence[int], copy: bool) -> NDArray:
        order = self._orders.get(layer, PLAIN)
        return stored_rows(layer, values, count, self._plan['dtype'], rows, copy, order)

    def _begin(self, rows: Mapping[str, NDArray], grids: Mapping[str, Any], reductions: Mapping[str, Any]) -> None:
        layers = {
            name: dict(
                shape=shape_of(array, self._orders[name]),
                dtype=array.dtype.name,
                grid=grid_entry(grids.get(name)),
                reduction=reductions.get(name),
            )
            for name, array in rows.items()
        }
        each = sum(array.dtype.itemsize * prod(array.shape[1:]) for array in rows.values())
        if self._manifest is None and (manifest := Manifest.load(self.folder)) is not None:  # another rank was first
            manifest.continue_as(self.folder, **self._plan)
            self._manifest = manifest
        if self._manifest is None:
            self._check_room(each)
            count = max(1, self._bytes_of_shards(each) // max(1, each))
            self._manifest = Manifest(**self._plan, samples_per_shard=count, layers=layers, details=self._details)
            self._manifest.save(self.folder, self.rank)
        else:
            self._manifest.continue_with(self.folder, layers)
            self._check_room(each)
        count = self._manifest.samples_per_shard
        self._threads.append(ShardThread(self.folder, self.rank, count, self._taken, self._queue_bytes))
        self._layers = layers

    def _bytes_of_shards(self, each: int) -> int:
        """How large shards get: smaller in a short run, so that most of it is on the disk before it ends.

        Args:
            each: Bytes of a sample.
        """
        if self._plan['expected'] is None:
            return self._shard_bytes
        part = self._plan['expected'] * each // self.world // _PARTS
        return min(self._shard_bytes, max(part, _LEAST))

    def _check_room(self, each: int) -> None:
        """Announce the size, and refuse to begin what cannot end.

        Args:
            each: Bytes of a sample.
        """
        expected = self._plan['expected']
        if expected is None:
            line = f'{self.folder} takes {_size(each)} a sample'
        else:
            there = sum(path.stat().st_size for path in shards(self.folder))
            needed, free = max(0, expected * each - there), shutil.disk_usage(self.folder).free
            line = f'{self.folder} takes {_size(expected * each)}: {expected} samples of {_size(each)}'
            line += f'; {_size(there)} are there' if there else ''
            if needed > free:
                raise InputError(
                    f'{line}, but the disk has {_size(free)} free; choose fewer layers, a reduction or another folder'
                )
        if self.rank == 0:
            self._announce(line)

    def _check(self, rows: Mapping[str, NDArray]) -> None:
        """Refuse what does not look like the first batch."""
        if rows.keys() != self._layers.keys():
            name = sorted(rows.keys() ^ self._layers.keys())[0]
            raise CaptureError(
                f'layer {name} was {"not " if name in rows else ""}in the first batch, unlike in this one'
            )
        for name, array in rows.items():
            first = self._layers[name]
            for part, now in (('shape', shape_of(array, self._orders[name])), ('dtype', array.dtype.name)):
                if first[part] != now:
                    raise CaptureError(
                        f'layer {name} has {part} {now} a sample, but {first[part]} in the first batch; a store holds '
                        'layers of one shape: give all inputs one size, or choose a reduction such as pooled'
                    )

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """Say in one line what went wrong with the disk, here or in the thread."""
        try:
            yield
        except InputError as error:
            # Of the thread's error a new one each time, or tracebacks would pile up on it.
            raise type(error)(str(error)) from error
        except OSError as error:
            reason = NO_ROOM.get(error.errno or 0, error.strerror or str(error))
            raise InputError(
                f'{self.folder}: {reason}; complete shards stay, and the same run goes on from them'
            ) from error
        except Exception as error:
            raise CaptureError(f'{self.folder}: writing failed: {type(error).__name__}: {error}') from error


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f'{folder} cannot be made a folder: {error.strerror}') from error


def _let_go(lock: FolderLock, threads: list[ShardThread]) -> None:
    """End the thread after the last complete shard, if it did not end before, and let others write."""
    try:
        for thread in threads:
            with suppress(Exception):
                thread.finish(rest=False)
    finally:
        lock.release()


def _size(count: float) -> str:
    for unit in ('bytes', 'kB', 'MB', 'GB'):
        if count < 1000:
            return f'{count:.3g} {unit}'
        count /= 1000
    return f'{count:.3g} TB'
