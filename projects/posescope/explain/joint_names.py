"""Joints by name."""

from collections.abc import Iterable, Sequence

from posescope.data.annotations import plain_name
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
        InputError: There is no such joint; the message offers the nearest.
    """
    places = {plain_name(joint): index for index, joint in enumerate(joints)}
    found: dict[int, None] = {}
    for name in names:
        if plain_name(name) not in places:
            raise InputError(f"'{name}' is none of the {len(joints)} joints (nearest: {nearest(name, joints)})")
        found[places[plain_name(name)]] = None
    if not found:
        raise InputError(f'no joint is named; there are {", ".join(joints)}')
    return list(found)
