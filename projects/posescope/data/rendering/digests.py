"""Hashes that tell whether a rendered data set is the very one that somebody else rendered."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from posescope.errors import InputError

_SHORT = 8


def pixel_digest(image: np.ndarray, part_map: np.ndarray) -> str:
    """Hash a picture before JPEG, whose decoders differ.

    Args:
        image: (H, W, 3) uint8, RGB.
        part_map: (H, W) uint8.

    Returns:
        SHA-256 of shape, colours and part map, in hexadecimal.
    """
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image).tobytes())
    digest.update(np.ascontiguousarray(part_map).tobytes())
    return digest.hexdigest()


def picture_digests(coco: Mapping[str, Any]) -> dict[int, str]:
    """Hash each picture together with its labels, which are rounded and so free of float noise.

    Args:
        coco: Decoded annotations of rendered people.

    Returns:
        SHA-256 in hexadecimal by image id, in the order of the ids.
    """
    people = defaultdict(list)
    for person in coco['annotations']:
        people[person['image_id']].append(person)
    entries = sorted(coco['images'], key=lambda entry: entry['id'])
    return {
        entry['id']: _digest([entry, sorted(people[entry['id']], key=lambda person: person['id'])]) for entry in entries
    }


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(',', ':')).encode()).hexdigest()


def digest_file(coco: Mapping[str, Any]) -> str:
    """Write down the hashes of a data set: one of the whole, then the beginning of each picture's, in order of the ids.

    Args:
        coco: Decoded annotations of rendered people.

    Returns:
        The text of a ``.sha256`` file.
    """
    digests = list(picture_digests(coco).values())
    return '\n'.join([_digest(digests), *(digest[:_SHORT] for digest in digests)]) + '\n'


def check_digests(coco: Mapping[str, Any], reference: Path) -> str:
    """Compare a data set with the hashes of the one that it should be.

    Args:
        coco: Decoded annotations of rendered people.
        reference: What :func:`digest_file` wrote down.

    Returns:
        The hash of the whole set.

    Raises:
        InputError: They differ; the message tells how many pictures do, and names the first ones.
    """
    try:
        expected = reference.read_text().split()
    except FileNotFoundError:
        raise InputError(f'{reference} does not exist, so there is nothing to compare with') from None
    found = digest_file(coco).split()
    if found == expected:
        return found[0]
    ids = list(picture_digests(coco))
    if len(found) != len(expected):
        raise InputError(f'{len(ids)} pictures were rendered, {reference} is of {len(expected) - 1}')
    differing = [i for i, ours, theirs in zip(ids, found[1:], expected[1:], strict=True) if ours != theirs]
    names = ', '.join(f'{image_id:09d}' for image_id in differing[:5])
    raise InputError(
        f'{len(differing)} of {len(ids)} pictures differ from {reference}, first {names or "none by its short hash"}'
    )
