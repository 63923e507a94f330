"""Which reader reads which class of attention."""

import inspect

from torch import nn

from posescope.capture.attention.readers.reader import Reader
from posescope.errors import InputError

__all__ = ['known_classes', 'reader_of', 'register_reader']

_READERS: dict[str, Reader] = {}


def register_reader(kind: type[Reader]) -> type[Reader]:
    """Register a reader for its classes; a class decorator.

    Raises:
        InputError: It names no class, or one that another reader reads.
    """
    if not kind.classes:
        raise InputError(f'{kind.__name__}.classes is empty: name the attention classes that it reads')
    reader = kind()
    for name in kind.classes:
        other = _READERS.get(name)
        if other is not None and type(other).__qualname__ != kind.__qualname__:
            raise InputError(f'{name} is already read by {type(other).__name__}')
        _READERS[name] = reader
    return kind


def reader_of(module: nn.Module) -> Reader | None:
    """Find the reader of a module's class.

    A subclass is read like its parent unless it has a forward of its own, which may attend in another way.
    """
    forward = inspect.getattr_static(type(module), 'forward', None)
    for kind in type(module).__mro__:
        reader = _READERS.get(f'{kind.__module__}.{kind.__qualname__}')
        if reader is not None and inspect.getattr_static(kind, 'forward', None) is forward:
            return reader
    return None


def known_classes() -> tuple[str, ...]:
    """Fully qualified names of the classes that have a reader."""
    return tuple(_READERS)
