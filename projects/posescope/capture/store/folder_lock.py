"""One writer a folder and rank."""

import fcntl
import os
from pathlib import Path

from posescope.errors import InputError

__all__ = ['FolderLock']

_HELD: set[tuple[int, int, int]] = set()
"""Locks of this process (process, device, inode): the kernel's lock keeps only other processes out."""


class FolderLock:
    """Held from construction until :meth:`release` or the end of the process, however it ends.

    A record lock (``fcntl``), because a ``flock`` would live on in the workers of a data loader after a run was killed.

    Args:
        folder: Where the file ``.rank<r>.lock`` lies; it stays, since removing it would let two processes lock two
            files of one name.
        rank: Of the writer.

    Raises:
        InputError: Somebody else holds it, or the file cannot be made.
    """

    def __init__(self, folder: Path, rank: int) -> None:
        path = folder / f'.rank{rank}.lock'
        try:
            if path.exists():
                # Opening and closing it again would drop a lock that this process holds already.
                self._refuse_own(path.stat(), folder)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise InputError(f'{path}: {error.strerror}') from error
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            if isinstance(error, (BlockingIOError, PermissionError)):
                raise InputError(f'another run writes to {folder}; wait for it or choose another folder') from error
            raise InputError(f'{path}: cannot be locked: {error.strerror}') from error
        state = os.fstat(self._file)
        self._own = os.getpid(), state.st_dev, state.st_ino
        _HELD.add(self._own)

    def release(self) -> None:
        """Let others write; again is harmless."""
        if self._own in _HELD and self._own[0] == os.getpid():
            _HELD.discard(self._own)
            os.close(self._file)

    @staticmethod
    def _refuse_own(state: os.stat_result, folder: Path) -> None:
        if (os.getpid(), state.st_dev, state.st_ino) in _HELD:
            raise InputError(
                f'another run of this process writes to {folder}; close its writer or choose another folder'
            )
