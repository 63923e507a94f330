"""Reads a capture store, also one that is not complete."""

import json
import warnings
from collections.abc import Iterator, Mapping
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.capture.store.crops import cells_to_image
from posescope.capture.store.fitted import load_fitted
from posescope.capture.store.index import SampleIndex
from posescope.capture.store.layer_array import LayerArray, ShardFiles
from posescope.capture.store.manifest import Manifest, done_file, shards
from posescope.capture.store.person import Person
from posescope.capture.store.sample import plain
from posescope.errors import InputError, nearest

__all__ = ['Store', 'UnknownNameError', 'open_store']

MIRRORED = '@mirrored'
"""Ends the name of a layer that saw the mirrored input, the second pass of ``flip_test``."""


class UnknownNameError(InputError, KeyError):
    """A layer or a person that a store does not hold; the message offers the nearest."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would show it in quotes


def open_store(path: str | Path) -> 'Store':
    """Open a folder that a capture hook or a :class:`StoreWriter` wrote.

    Args:
        path: The folder.

    Returns:
        The store; with a warning if parts of it are missing.

    Raises:
        InputError: It is no store, or a file of it is broken.

    Example:
        >>> store = posescope.open_store('work_dirs/run/features')
        >>> store.layers
        ('backbone.layer4', 'head')
        >>> store['backbone.layer4'].shape
        (6352, 2048, 8, 6)
        >>> person = store.person(image_id=139, ann_id=230831)
        >>> person.to_image('head', [[10.5, 4]])
    """
    store = Store(Path(path))
    if not store.complete:
        known = f'{store.missing} of {store.expected} samples are missing'
        lost = known if store.missing else 'a process that writes to it has not ended'
        warnings.warn(f'{path} is not complete: {lost}; run the same command again to go on', stacklevel=2)
    return store


class Store(Mapping[str, LayerArray]):
    """Layer → array of N samples, which are sorted by image and annotation id.

    Args:
        folder: With ``manifest.json`` and shards.

    Attributes:
        folder: As above.
        identity: Of the run, e.g. hashes of its config and checkpoint.
        details: What else the run told.
        layers: Names.
        samples: Index, N rows.
        expected: How many samples the run wanted to write; None if it did not say.
        complete: Whether every rank has written all that it had.
        missing: How many samples are missing; None if that is not known.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            state = 'no folder' if folder.exists() else 'not there'
            raise InputError(f'{folder} is {state}; give the folder of a capture store')
        manifest = Manifest.load(folder)
        if manifest is None:
            raise InputError(
                f'{folder} holds no manifest.json: it is no capture store, or its run ended before the first batch'
            )
        self.folder, self.identity, self.details = folder, manifest.identity, manifest.details
        self.layers, self.expected = tuple(manifest.layers), manifest.expected
        self._manifest = manifest
        # Marks first: a run that ends in between must not look complete while its last shard was not seen.
        done = [_done(folder, rank) for rank in range(manifest.world)]
        paths = [shards(folder, rank) for rank in range(manifest.world)]
        self._open([path for of_rank in paths for path in of_rank])
        self.missing = None if self.expected is None else max(0, self.expected - len(self.samples))
        self.complete = done == [len(of_rank) for of_rank in paths] and not self.missing

    def __getitem__(self, layer: str) -> LayerArray:
        entry = self._layer(layer)
        return LayerArray(layer, entry['shape'], entry['dtype'], self._files, self._shard, self._row)

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        return f'Store({str(self.folder)!r}, samples={len(self.samples)}, layers={self.layers})'

    def grid(self, layer: str) -> dict[str, Any] | None:
        """How a layer's cells lie on the model's input: input pixel = scale · cell + offset, each for y and x."""
        return self._layer(layer)['grid']

    def reduction(self, layer: str) -> dict[str, Any] | None:
        """What was done with a layer before it was stored; None if nothing."""
        return self._layer(layer)['reduction']

    def fitted(self, layer: str) -> dict[str, NDArray]:
        """What the layer's reduction was fitted to, e.g. ``basis`` and ``mean`` of a PCA; empty if nothing."""
        self._layer(layer)
        return load_fitted(self.folder, layer)

    def person(self, image_id: int | str, ann_id: int | str | None = None) -> Person:
        """Give all layers of one person.

        Args:
            image_id: Of the data set.
            ann_id: Annotation or detection; may be left out where the image has one row only.

        Raises:
            UnknownNameError: There is no such row, or there are several.
        """
        row = self._find(image_id, ann_id)
        return Person(
            self.samples[row],
            self.layers,
            lambda layer: self[layer][row],
            lambda layer, yx: self._to_image(layer, yx, np.array(row)),
        )

    def to_image(
        self, layer: str, yx: ArrayLike, image_id: int | str | None = None, ann_id: int | str | None = None
    ) -> NDArray[np.float64]:
        """Say which pixels of the image stand under places on a map.

        A place on a ``@mirrored`` layer is mirrored back: the pixel is that of the picture as it is.

        Args:
            layer: Whose map.
            yx: (..., 2) row and column; fractions are allowed.
            image_id: With ``ann_id`` the person; None for all.
            ann_id: As in :meth:`person`.

        Returns:
            (..., 2) y and x, image pixels; (N, ..., 2) for all people.

        Raises:
            InputError: The layer is no map of the input.
        """
        rows = np.arange(len(self.samples)) if image_id is None else np.array(self._find(image_id, ann_id))
        return self._to_image(layer, yx, rows)

    def _to_image(self, layer: str, yx: ArrayLike, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        grid = self._layer(layer)['grid']
        if grid is None:
            mapped = ', '.join(name for name in self.layers if self._manifest.layers[name]['grid']) or 'none'
            raise InputError(f'layer {layer} of {self.folder} is no map of the input; layers that are: {mapped}')
        places = np.asarray(yx, np.float64)
        if places.shape[-1:] != (2,):
            raise InputError(f'places on a map are (..., 2), row and column; got {places.shape}')
        flat = np.broadcast_to(places.reshape(-1, 2), (*rows.shape, places.size // 2, 2))
        index = self.samples
        found = cells_to_image(flat, grid, index.transforms[rows], index.input_sizes[rows, 0], layer.endswith(MIRRORED))
        return found.reshape(*rows.shape, *places.shape)

    def _open(self, paths: list[Path]) -> None:
        """Read the index of all shards and put its rows in order."""
        index, lengths = SampleIndex.read(paths)
        rows = index.merged()
        self.samples = index.take(rows)
        self._files = ShardFiles(paths)
        self._shard = np.repeat(np.arange(len(paths)), lengths)[rows]
        self._row = np.concatenate([np.zeros(0, np.int64), *(np.arange(length) for length in lengths)])[rows]
        self._place = {key: row for row, key in enumerate(self.samples.keys)}
        self._first: dict[int | str, int] = {}  # of each image; its other rows follow
        for row, (image_id, _) in enumerate(self.samples.keys):
            self._first.setdefault(image_id, row)

    def _layer(self, layer: str) -> dict[str, Any]:
        if layer not in self._manifest.layers:
            raise UnknownNameError(f'{self.folder} holds no layer {layer!r}; nearest: {nearest(layer, self.layers)}')
        return self._manifest.layers[layer]

    def _find(self, image_id: int | str, ann_id: int | str | None) -> int:
        image_id, ann_id = plain(image_id), None if ann_id is None else plain(ann_id)
        if image_id not in self._first:
            near = nearest(str(image_id), [str(name) for name in self._first])
            kinds = {type(name).__name__ for name in self._first} - {type(image_id).__name__}
            hint = f' (ids there are of type {", ".join(sorted(kinds))})' if kinds else ''
            raise UnknownNameError(f'{self.folder} holds no image {image_id!r}; nearest: {near}{hint}')
        if (image_id, ann_id) in self._place:
            return self._place[image_id, ann_id]
        first, keys = self._first[image_id], self.samples.keys
        people = list(takewhile(lambda key: key[0] == image_id, islice(keys, first, None)))
        if ann_id is None and len(people) == 1:
            return first
        choices = ', '.join(repr(name) for _, name in people)
        said = 'has several rows' if ann_id is None else f'has no annotation {ann_id!r}'
        raise UnknownNameError(f'image {image_id!r} of {self.folder} {said}; choose ann_id from: {choices}')


def _done(folder: Path, rank: int) -> int | None:
    """How many shards a rank had when it had written all; None if it has not."""
    path = done_file(folder, rank)
    try:
        return int(json.loads(path.read_bytes())['shards'])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f'{path} cannot be read: {error.strerror}') from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f'{path} is broken; delete it and run the same command again') from error
