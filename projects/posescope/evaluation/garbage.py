"""Python's garbage collector, kept away from work that makes many small objects and no cycles."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ['uncollected']


@contextmanager
def uncollected() -> Iterator[None]:
    """While entered, nobody looks for reference cycles.

    Decoding a large file makes so many objects that the collector would visit all living ones several times, which
    took as long as the work itself.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
