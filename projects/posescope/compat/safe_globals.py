"""Names that a checkpoint may use: those of this package lead to its stand-ins, whatever else somebody has allowed.

torch keeps what :func:`torch.serialization.add_safe_globals` was given in a set, and of two entries for one name it
takes the one that the set happens to bring last. Where somebody has allowed numpy's own types, a file would lead now to
these and now to the stand-ins, and stand-ins and numpy's types do not work together.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import _weights_only_unpickler as unpickler

__all__ = ['allow_stand_ins', 'allowed_by_others']

_STAND_INS: dict[str, Callable[..., Any]] = {}


def allow_stand_ins(stand_ins: Mapping[str, Callable[..., Any]]) -> None:
    """Add to torch's list of what passes, and let these win over other entries for their names; twice is harmless.

    The list stays torch's: entries of other names are as before, and after ``clear_safe_globals`` none are left.

    Args:
        stand_ins: Name in a checkpoint -> what it leads to.
    """
    _STAND_INS.update(stand_ins)
    torch.serialization.add_safe_globals([(stand_in, name) for name, stand_in in stand_ins.items()])
    by_name = getattr(unpickler, '_get_user_allowed_globals', None)
    if by_name is None or getattr(by_name, 'has_stand_ins', False):
        return

    @functools.wraps(by_name)
    def with_stand_ins() -> dict[str, Any]:
        listed = set(torch.serialization.get_safe_globals())
        ours = {name: stand_in for name, stand_in in _STAND_INS.items() if (stand_in, name) in listed}
        return {**by_name(), **ours}

    with_stand_ins.has_stand_ins = True  # type: ignore[attr-defined]
    unpickler._get_user_allowed_globals = with_stand_ins


def allowed_by_others(name: str) -> Callable[..., Any] | None:
    """Return what somebody else has allowed under the name of a stand-in, None if nobody has.

    Args:
        name: Module and name, e.g. ``'numpy.dtype'``.
    """
    for entry in torch.serialization.get_safe_globals():
        allowed, full = entry if isinstance(entry, tuple) else (entry, f'{entry.__module__}.{entry.__qualname__}')
        if full == name and allowed is not _STAND_INS.get(name):
            return allowed
    return None
