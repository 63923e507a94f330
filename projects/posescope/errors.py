"""Errors that are for the person who typed the command or the config."""

import difflib
import errno
from collections.abc import Iterable

NO_ROOM = {errno.ENOSPC: 'no space left on the disk', errno.EDQUOT: 'disk quota used up', errno.EFBIG: 'file too large'}
"""Numbers of OSError that mean that a file could not grow, in words."""


class InputError(Exception):
    """Something that was typed or handed in is wrong; the message says in one line what, where, and which choices."""


class TrainingDivergedError(InputError):
    """The loss or a weight is no longer a finite number."""


class NoAttentionError(InputError):
    """A model turned out to have no attention that can be read."""


class CaptureError(InputError):
    """What a model did while it was watched is not what was expected, so nothing that was read can be trusted."""


def nearest(name: str, choices: Iterable[str], count: int = 3) -> str:
    """List the choices most like a name that was typed, best first, for an error message."""
    choices = list(choices)
    return ', '.join(difflib.get_close_matches(name, choices, count, cutoff=0.0))
