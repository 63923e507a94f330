"""How glibc hands out memory: what PyTorch frees on a CPU stays with the process, ready for the next step."""

import ctypes

__all__ = ['keep_freed_memory']

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
"""Numbers of mallopt(3)."""


def keep_freed_memory() -> None:
    """Let the allocator keep freed memory instead of giving it back to the system.

    A training step allocates and frees the same tensors as the one before. glibc returns large ones to the system each
    time, and the system fills every page with zeros before it hands it out again: an eighth of a small model's step.
    The peak of the memory stays the same. Where there is no glibc this does nothing.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or another system
        return
    mallopt(_MMAP_MAX, 0)
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(_TOP_PAD, 64 << 20)
