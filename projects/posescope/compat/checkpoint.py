"""Checkpoints that torch refuses for no reason load; those that could run code do not."""

import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from posescope.compat import inert_types
from posescope.compat.safe_globals import allow_stand_ins
from posescope.errors import InputError, nearest

ALLOWED: dict[str, Callable[..., Any]] = {
    # Arrays of numbers: the sigmas, weights and colours in meta.dataset_meta, the histories in message_hub. The first
    # name of each pair is numpy 1's, the second numpy 2's.
    'numpy.core.multiarray._reconstruct': inert_types.new_array,
    'numpy._core.multiarray._reconstruct': inert_types.new_array,
    'numpy.ndarray': inert_types.ArrayType,
    'numpy.dtype': inert_types.PlainDtype,
    # Single numbers: metrics that a val loop returned, best scores.
    'numpy.core.multiarray.scalar': inert_types.new_scalar,
    'numpy._core.multiarray.scalar': inert_types.new_scalar,
    # The data of an array without elements, as the link colours of a skeleton without links.
    'builtins.bytes': inert_types.empty_bytes,
    # message_hub.log_scalars, and the functions of the class that mmengine writes beside each buffer.
    'mmengine.logging.history_buffer.HistoryBuffer': inert_types.HistoryBufferState,
    'builtins.getattr': inert_types.known_attribute,
    # The annealing curve in param_schedulers, where a one-cycle schedule was used.
    'mmengine.optim.scheduler.param_scheduler.OneCycleParamScheduler': inert_types.OneCycleType,
}
"""Name in a checkpoint -> what it leads to here. Nothing else is allowed but what torch or the program allows."""

# The unpickler fills only objects whose class is allowlisted. A pickle names a global as module.name, so no pickle can
# name one without a dot: it can have such an array built and filled, but never get hold of the class.
_FILLED = {'RestoredArray': inert_types.RestoredArray}

_NAMED_TYPE = re.compile(r'GLOBAL (\S+) (?:was not an allowed|whose module)')
_OWN_REFUSAL = re.compile(rf'{inert_types.REFUSAL} ([^\n]+)')
_TORCH_REFUSAL = re.compile(r'((?:Can only|Trying to call) [^\n]+)')


class CheckpointError(InputError, ValueError):
    """A file is not a checkpoint that can be loaded, or not one that may be."""


def allow_mmengine_types() -> None:
    """Let ``torch.load(weights_only=True)``, and with it mmengine, read what mmengine and OpenMMLab's zoos write.

    torch >= 2.6 reads weights only unless told otherwise, and refuses the arrays, numbers and ``HistoryBuffer`` in
    these files. The check stays on: :data:`ALLOWED` is added to what passes. Calling it twice is harmless.

    A program may allow numpy's own types, before or after: the stand-ins keep their names, and leave to those types
    what they would refuse, such as arrays of text. (Arrays of several fields and masked arrays they cannot leave.)
    """
    allow_stand_ins({**ALLOWED, **_FILLED})


def load_checkpoint(path: str | Path, map_location: Any = 'cpu') -> dict[str, Any]:
    """Load a checkpoint without letting it run code.

    Args:
        path: A file that ``torch.save`` wrote.
        map_location: Where tensors go, as for :func:`torch.load`.

    Returns:
        What the file holds: for mmengine ``state_dict``, ``meta`` and, unless it was published, ``message_hub``,
        ``optimizer`` and ``param_schedulers``.

    Raises:
        CheckpointError: The file is missing, is damaged, is something else, or holds a type that is not plain data.
    """
    path = Path(path).expanduser()
    _refuse_missing(path)
    try:
        checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # a damaged or hostile file can make the unpickler raise anything
        raise CheckpointError(_explain(path, error)) from error
    if not isinstance(checkpoint, dict):
        raise CheckpointError(f'{path} holds a {type(checkpoint).__name__}, not a checkpoint, which is a dict')
    return checkpoint


def _refuse_missing(path: Path) -> None:
    """Refuse what is not a file with something in it that may be read."""
    if not path.is_file():
        folder = path if path.is_dir() else path.parent
        there = nearest(path.name, (file.name for file in folder.glob('*.pth')))
        problem = 'is a folder, not a checkpoint' if path.is_dir() else 'does not exist'
        raise CheckpointError(f'checkpoint {path} {problem}' + (f'; {folder} holds {there}' if there else ''))
    try:
        with path.open('rb') as file:
            is_empty = not file.read(1)
    except OSError as error:
        raise CheckpointError(f'{path} cannot be read: {error.strerror}') from error
    if is_empty:
        raise CheckpointError(f'{path} is empty: it was cut off when it was written or downloaded')


def _explain(path: Path, error: Exception) -> str:
    """Say in one line why a file that exists could not be loaded."""
    text = str(error)
    if match := _NAMED_TYPE.search(text):
        return _refusal(path, f'it holds {match[1]}, which is not plain data')
    if match := _OWN_REFUSAL.search(text) or _TORCH_REFUSAL.search(text):
        return _refusal(path, f'what it does is not needed for plain data ({match[1]})')
    if isinstance(error, ModuleNotFoundError):
        return f'{path} cannot be read without {error.name}, which is not installed'
    if tarfile.is_tarfile(path):
        return f'{path} is in the tar format of PyTorch before 0.4: load it with an old PyTorch and save it anew'
    if zipfile.is_zipfile(path):
        return f'{path} cannot be read as a checkpoint: {text.splitlines()[0] if text else type(error).__name__}'
    with path.open('rb') as file:
        if file.read(2) == b'PK':
            return f'{path} is damaged: the end of the archive is missing, it was cut off when written or downloaded'
    return f'{path} is not a checkpoint: it is damaged, or torch.save did not write it'


def _refusal(path: Path, reason: str) -> str:
    return (
        f'{path} was refused: {reason}, and loading it could run code on this machine. If you trust its author, '
        'load it with torch.load(..., weights_only=False) where nothing can be harmed, and save its state_dict alone'
    )
