"""Parts of a config, however it gives them."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ['dicts_in', 'name_of']


def name_of(kind: Any) -> str:
    """Name of a type that a config gives as a text, with or without a scope, or as the class itself; '' for none."""
    name = kind if isinstance(kind, str) else getattr(kind, '__name__', '')
    return str(name).rpartition('.')[2]


def dicts_in(part: Any) -> Iterator[Any]:
    """Yield every dict within a part of a config, from the outside in."""
    if isinstance(part, Mapping):
        yield part
        part = list(part.values())
    if isinstance(part, list | tuple):
        for inner in part:
            yield from dicts_in(inner)
