"""The file ``matches.npz``: who was matched with whom, for tests of significance long after the model ran."""

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posescope.atomic import replacing
from posescope.errors import InputError
from posescope.evaluation.matching import AREA_RANGES, Matches

__all__ = ['MatchesFile', 'load_matches', 'save_matches']

_FORMAT = 'posescope matches'
_VERSION = 1
_ARRAYS = tuple(one.name for one in fields(Matches) if one.name != 'category_count')
_KINDS = {'image_ids': 'iuUS', 'scores': 'f', 'thresholds': 'f', 'ignored': 'b', 'person_counted': 'b'}
"""Array -> kinds of numpy's dtype that it may have; the others hold indices."""
_BROKEN = (
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
)
"""What numpy, zipfile and json raise on files that are cut off, damaged, or something else."""


@dataclass(frozen=True)
class MatchesFile:
    """What such a file holds.

    Attributes:
        matches: Who was matched with whom.
        statistics: The evaluation's numbers by name; -1 where one is not defined.
        meta: Anything that JSON can hold about where the matches come from: config, seed, …
    """

    matches: Matches
    statistics: dict[str, float]
    meta: dict[str, Any]


def save_matches(
    path: Path, matches: Matches, statistics: Mapping[str, float], meta: Mapping[str, Any] | None = None
) -> None:
    """Write matches without loss, about ten bytes a detection; a reader sees the old file or the new one.

    Args:
        path: Usually ends in ``matches.npz``; its folder exists.
        matches: What :func:`posescope.evaluation.matching.match` found.
        statistics: The evaluation's numbers by name.
        meta: About where the matches come from.

    Raises:
        TypeError: ``meta`` holds what JSON cannot.
        ValueError: A number in ``statistics`` or ``meta`` is not finite.
    """
    header = {
        'format': _FORMAT,
        'version': _VERSION,
        'category_count': matches.category_count,
        'statistics': {name: float(value) for name, value in statistics.items()},
        'meta': dict(meta or {}),
    }
    text = np.frombuffer(json.dumps(header, allow_nan=False).encode(), np.uint8)
    with replacing(path) as temporary, temporary.open('wb') as file:
        np.savez_compressed(file, header=text, **{name: getattr(matches, name) for name in _ARRAYS})


def load_matches(path: Path) -> MatchesFile:
    """Read what :func:`save_matches` wrote.

    Raises:
        InputError: There is no such file, it is damaged or something else, or of a newer version.
    """
    try:
        with path.open('rb') as file, np.load(file, allow_pickle=False) as stored:
            header = json.loads(stored['header'].tobytes())
            if header['format'] != _FORMAT or not isinstance(header['version'], int):
                raise ValueError('something else')
            if header['version'] > _VERSION:
                raise InputError(
                    f'{path}: written by a newer posescope (format {header["version"]}, known are up to {_VERSION})'
                )
            arrays = {name: stored[name] for name in _ARRAYS}
            _check(arrays, header['category_count'])
            matches = Matches(category_count=header['category_count'], **arrays)
            return MatchesFile(matches, dict(header['statistics']), dict(header['meta']))
    except OSError as error:
        raise InputError(f'{path}: {error.strerror or "cannot be read"}') from error
    except _BROKEN as error:
        raise InputError(f'{path}: damaged, or not a file of matches (matches.npz)') from error


def _check(arrays: Mapping[str, NDArray[Any]], categories: int) -> None:
    """Raise ValueError unless the arrays fit together, so that whatever uses them need not look again."""
    detections, people, images = len(arrays['scores']), len(arrays['person_image']), len(arrays['image_ids'])
    areas, thresholds = len(AREA_RANGES), len(arrays['thresholds'])
    shapes: dict[str, tuple[int, ...]] = {
        'image_ids': (images,),
        'thresholds': (thresholds,),
        'person': (detections, areas, thresholds),
        'ignored': (detections, areas, thresholds),
        'person_image': (people,),
        'person_category': (people,),
        'person_counted': (people, areas),
    }
    limits = {'image': images, 'category': categories, 'person_image': images, 'person_category': categories}
    for name, values in arrays.items():
        if values.dtype.kind not in _KINDS.get(name, 'iu') or values.shape != shapes.get(name, (detections,)):
            raise ValueError(name)
        if name in limits and values.size and not 0 <= values.min() <= values.max() < limits[name]:
            raise ValueError(name)
    if detections and not -1 <= arrays['person'].min(initial=-1) <= arrays['person'].max(initial=-1) < people:
        raise ValueError('person')
