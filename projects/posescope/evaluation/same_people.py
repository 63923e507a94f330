"""Whether evaluations can be compared: they have to be of the same images and people, measured in the same way."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from posescope.errors import InputError
from posescope.evaluation.matching import Matches

__all__ = ['MEASURE', 'check_same', 'check_same_measure', 'people_digest']

MEASURE = ('iou_type', 'use_area', 'sigmas')
"""Keys of a file's ``meta`` that say by which measure predictions were matched with people."""


def check_same(models: Sequence[Matches], names: Sequence[str]) -> None:
    """Raise :class:`InputError` unless all models were evaluated on the same images and people in the same way.

    Args:
        models: Their matches.
        names: What to call them in the message, which names the first difference.
    """
    for other, name in zip(models[1:], names[1:], strict=True):
        for difference in _differences(models[0], other, names[0], name):
            raise InputError(f'{names[0]} and {name} cannot be compared: {difference}')


def check_same_measure(metas: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    """Raise :class:`InputError` if two evaluations say that they measured similarity in different ways.

    Args:
        metas: ``meta`` of their files; one that lacks a key, as files of older versions do, says nothing of it.
        names: What to call them in the message, which names the first difference.
    """
    for key in MEASURE:
        said = [(name, meta[key]) for name, meta in zip(names, metas, strict=True) if meta.get(key) is not None]
        for name, value in said[1:]:
            first, expected = said[0]
            if not _equal(expected, value):
                raise InputError(f'{first} and {name} cannot be compared: {_contrast(key, expected, value)}')


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and np.allclose(one, other, rtol=1e-5, atol=0)  # float32 or not
    return bool(one == other)


def _contrast(key: str, one: Any, other: Any) -> str:
    if not isinstance(one, list) or not isinstance(other, list):
        return f'{key}={one!r} and {key}={other!r}'
    if len(one) != len(other):
        return f'{len(one)} and {len(other)} {key}'
    joint = int(np.flatnonzero(~np.isclose(one, other, rtol=1e-5, atol=0))[0])
    return f'{key} of joint {joint} are {one[joint]:.4g} and {other[joint]:.4g}'


def people_digest(matches: Matches) -> str:
    """Give what :func:`check_same` looks at as a short text: where it is the same, two models can be compared."""
    found = hashlib.sha256(str(matches.category_count).encode())
    of_people = matches.person_image, matches.person_category, matches.person_counted
    for values in (matches.image_ids, matches.thresholds, *of_people):
        found.update(f'{values.dtype.str} {values.shape} '.encode())
        found.update(np.ascontiguousarray(values).tobytes())
    return found.hexdigest()


def _differences(a: Matches, b: Matches, first: str, second: str) -> Iterator[str]:
    """Describe how two evaluations differ, the most telling difference first."""
    for one, other, name in ((a, b, first), (b, a, second)):
        lost = np.setdiff1d(one.image_ids.astype(str), other.image_ids.astype(str))
        if len(lost):
            yield f'image {lost[0]} is in {name} alone ({len(lost)} such images of {len(one.image_ids)})'
    if a.category_count != b.category_count:
        yield f'{a.category_count} and {b.category_count} categories'
    if len(a.person_image) != len(b.person_image):
        images = max(len(a.image_ids), len(b.image_ids))
        counts = [np.bincount(one.person_image, minlength=images) for one in (a, b)]
        place = int(np.flatnonzero(counts[0] != counts[1])[0])
        yield f'image {a.image_ids[place]} has {counts[0][place]} and {counts[1][place]} labelled people'
    for field, what in (('person_image', 'on another image'), ('person_category', 'of another category')):
        wrong = np.flatnonzero(getattr(a, field) != getattr(b, field))
        if len(wrong):
            yield f'person {wrong[0]} of the annotations is {what} ({len(wrong)} such people)'
    if not np.array_equal(a.thresholds, b.thresholds):
        yield f'thresholds {_listed(a.thresholds)} and {_listed(b.thresholds)}'
    wrong = np.flatnonzero((a.person_counted != b.person_counted).any(1))
    if len(wrong):
        image = a.image_ids[a.person_image[wrong[0]]]
        yield f'person {wrong[0]} of the annotations (image {image}) has another area or other labels'


def _listed(thresholds: ArrayLike) -> str:
    return ' '.join(f'{threshold:.4g}' for threshold in np.asarray(thresholds))
