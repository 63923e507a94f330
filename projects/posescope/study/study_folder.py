"""Where a study keeps everything, and who may write there."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from posescope.errors import InputError

__all__ = ['StudyFolder', 'TrialStoppedError', 'clear_trial', 'trial_lock']

_PAUSE = 0.2
"""Seconds between two looks at a lock that somebody else holds."""


class TrialStoppedError(Exception):
    """Somebody stopped a program of the trial, or the wait for it; the next call goes on where it was."""


class StudyFolder:
    """The folder of a study.

    ::

        study.json  study.md  timing.json  figures/
        costs/<model>.json
        runs/<run>/seed<k>/record.json  config.json  config.py  run.log
        runs/<run>/seed<k>/train/       checkpoints and logs
        runs/<run>/seed<k>/<split>/     metrics.json  matches.npz  diagnosis.json

    Args:
        root: The folder; it need not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, name: str) -> Path:
        """Folder of a run with all its seeds."""
        return self.root / 'runs' / name

    def trial(self, name: str, seed: int) -> Path:
        """Folder of a run with one seed."""
        return self.run(name) / f'seed{seed}'

    def record(self, name: str, seed: int) -> Path:
        """Record of a run with one seed."""
        return self.trial(name, seed) / 'record.json'

    def is_new(self) -> bool:
        """Whether no trial has left a record yet."""
        return next(self.root.glob('runs/*/seed*/record.json'), None) is None


@contextmanager
def trial_lock(
    folder: Path, waiting: Callable[[], None] | None = None, stopped: Callable[[], bool] = lambda: False
) -> Iterator[int]:
    """Keep others out of a trial's folder while it is worked on.

    The lock is a ``flock``, so processes that inherit its descriptor hold it as well: a training that outlives a killed
    study keeps its folder until it ends, and whoever resumes the study waits for it.

    Args:
        folder: Of the trial; it is made.
        waiting: Called if somebody else holds the lock, before this one waits.
        stopped: Asked again and again meanwhile whether to wait no longer.

    Yields:
        The descriptor, to be handed to processes that work in the folder.

    Raises:
        InputError: The file cannot be made or locked.
        TrialStoppedError: It is to wait no longer.
    """
    path = folder / '.lock'
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise InputError(f'{path}: {error.strerror}') from error
    try:
        _lock(descriptor, path, waiting or (lambda: None), stopped)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path, waiting: Callable[[], None], stopped: Callable[[], bool]) -> None:
    if _locked(descriptor, path):
        return
    waiting()
    while not _locked(descriptor, path):
        if stopped():
            raise TrialStoppedError
        time.sleep(_PAUSE)


def _locked(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise InputError(f'{path}: cannot be locked: {error.strerror}') from error
    return True


def clear_trial(folder: Path) -> None:
    """Remove what a trial left, but for the lock, which the caller holds.

    The record goes first: without one, whoever comes after a kill in the middle clears the rest before it begins.
    """
    (folder / 'record.json').unlink(missing_ok=True)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != '.lock':
            path.unlink()
