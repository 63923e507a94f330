"""Chance that depends on what is being decided and on nothing else: no process, epoch or order changes it."""

import hashlib

_BITS = 53
"""Bits that a float holds exactly."""


def fraction(*keys: object) -> float:
    """Draw a number that is uniform on [0, 1) over keys, and always the same for the same keys.

    NumPy keeps the streams of its generators from version to version only as far as it can; a hash never changes.

    Args:
        keys: What the number is for, e.g. a seed, an annotation id and ``'side'``; told apart by their text.
    """
    text = '\0'.join(map(str, keys))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return (int.from_bytes(digest, 'big') >> (64 - _BITS)) / 2**_BITS
