"""Joints by name."""

from collections.abc import Iterable, Sequence

from posescope.data.annotations import joint_places
from posescope.errors import InputError, nearest

__all__ = ['find_joints']


def find_joints(names: Iterable[str], joints: Sequence[str]) -> list[int]:
    """Find joints by name, without regard to case and separators.

    Args:
        names: What was typed.
        joints: Names of the skeleton.

    Returns:
        Their indices, in the order typed, each once.

    Raises:
        InputError: There is no such joint; the message offers the nearest. Or a name may mean several.
    """
    found: dict[int, None] = {}
    for name in names:
        places = joint_places(name, joints)
        if not places:
            raise InputError(f"'{name}' is none of the {len(joints)} joints (nearest: {nearest(name, joints)})")
        if len(places) > 1:
            several = ' or '.join(joints[place] for place in places)
            raise InputError(f"'{name}' may mean {several}: spell it as one of them")
        found[places[0]] = None
    if not found:
        raise InputError(f'no joint is named; there are {", ".join(joints)}')
    return list(found)
