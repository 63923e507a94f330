"""The bytes of a file, by way of the system's cache of pages or past it."""

import errno
import mmap
import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

__all__ = ['DirectWriter', 'write_cached']

_BLOCK = 4096
"""What file systems want memory, positions and lengths to be multiples of where their pages are passed by."""
_CAPACITY = 256 * _BLOCK
"""Larger ones do not fit where the processor is quick, smaller ones trouble the disk more often."""
_DIRECT = getattr(os, 'O_DIRECT', 0)
"""No such thing outside Linux."""
_CANNOT = (errno.EINVAL, errno.EOPNOTSUPP)


def write_cached(path: Path, pieces: Iterable[NDArray[np.uint8]]) -> None:
    """Write pieces one after the other.

    Raises:
        OSError: The disk is full, for example.
    """
    with path.open('wb', buffering=0) as file:
        for piece in pieces:
            if piece.size:
                _write_all(file, piece.data)
                # Linux then begins to write at once instead of at the end, which saves a quarter of the time, and the
                # maps do not push the pictures of the run out of its cache.
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class DirectWriter:
    """Writes files past the cache of pages: half the work for the processor, but some disks take them more slowly.

    For one thread, since all files go through one piece of memory.

    Attributes:
        able: Whether no file system has refused so far.
    """

    def __init__(self) -> None:
        self.able = bool(_DIRECT)
        self._memory: NDArray[np.uint8] | None = None

    def write(self, path: Path, pieces: Iterable[NDArray[np.uint8]]) -> bool:
        """Write pieces one after the other.

        Returns:
            Whether it was possible; otherwise there may be a file with some of them.

        Raises:
            OSError: The disk is full, for example.
        """
        if not self.able:
            return False
        try:
            with open(path, 'wb', buffering=0, opener=_open_direct) as file:
                file.truncate(self._write_blocks(file, pieces))
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
            self.able = False
        return self.able

    def _write_blocks(self, file: BinaryIO, pieces: Iterable[NDArray[np.uint8]]) -> int:
        """Write whole blocks, the last one filled up with zeros; give the length without these."""
        if self._memory is None:
            private = mmap.mmap(-1, _CAPACITY, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # begins at a page
            self._memory = np.frombuffer(private, np.uint8)
        memory, filled, length = self._memory, 0, 0
        for piece in pieces:
            length += piece.size
            rest = piece
            while rest.size:
                count = min(rest.size, _CAPACITY - filled)
                memory[filled : filled + count] = rest[:count]
                rest, filled = rest[count:], filled + count
                if filled == _CAPACITY:
                    _write_all(file, memory.data)
                    filled = 0
        end = -(-filled // _BLOCK) * _BLOCK
        memory[filled:end] = 0
        _write_all(file, memory[:end].data)
        return length


def _open_direct(path: str, flags: int) -> int:
    return os.open(path, flags | _DIRECT, 0o666)


def _write_all(file: BinaryIO, content: memoryview) -> None:
    rest = content
    while rest:  # one call writes at most 2 GiB
        rest = rest[file.write(rest) :]
