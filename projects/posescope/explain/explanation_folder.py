"""A folder with an explanation: there with everything in it, or not at all."""

import json
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posescope.atomic import atomic_write
from posescope.capture.store.tensor_file import write_tensors
from posescope.errors import InputError

__all__ = ['CONTENT', 'MAPS', 'check_free', 'new_folder', 'write_content', 'write_maps']

CONTENT, MAPS = 'explanation.json', 'maps.safetensors'


def check_free(folder: Path) -> None:
    """Refuse a folder that holds anything else than an explanation, which a new one may take the place of.

    Raises:
        InputError: Naming the folder.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / CONTENT).is_file():
        raise InputError(f'{folder} holds other things than an explanation: choose another folder')
    if folder.exists() and not folder.is_dir():
        raise InputError(f'{folder} is a file: choose another folder')


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``folder``; on success it takes that one's place, an older explanation's too.

    After an exception the temporary folder is removed and ``folder`` is as it was. What a process left that was killed
    is cleared away, and put back where it was killed between giving up the older explanation and putting the new one
    in its place.
    """
    _clear_after_kill(folder)
    check_free(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished, before = (folder.with_name(f'.{folder.name}.{os.getpid()}.{kind}') for kind in ('part', 'old'))
    shutil.rmtree(unfinished, ignore_errors=True)  # of a killed process of the same number, as containers have them
    unfinished.mkdir()
    try:
        yield unfinished
        if folder.exists():
            folder.rename(before)
        unfinished.rename(folder)
    except BaseException:
        if before.exists() and not folder.exists():
            before.rename(folder)
        raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)


def _clear_after_kill(folder: Path) -> None:
    name = re.compile(rf'\.{re.escape(folder.name)}\.\d+\.old')
    if not folder.parent.is_dir():
        return
    for older in sorted(path for path in folder.parent.iterdir() if name.fullmatch(path.name)):
        if folder.exists():
            shutil.rmtree(older, ignore_errors=True)
        else:
            older.rename(folder)


def write_content(content: Mapping[str, Any], folder: Path) -> None:
    """Write ``explanation.json``; numbers that are not finite become null."""
    text = json.dumps(_plain(content), indent=1, allow_nan=False, ensure_ascii=False)
    atomic_write(folder / CONTENT, text.encode())


def write_maps(maps: Mapping[str, Callable[[], NDArray[np.float32]]], folder: Path) -> None:
    """Write ``maps.safetensors``.

    Args:
        maps: By name, what gives the map (H, W) when it is its turn: maps as large as a photograph are never all in
            memory at once.
        folder: Where.
    """
    write_tensors(folder / MAPS, _Pieces(maps))


class _Pieces(Mapping[str, list[NDArray[Any]]]):
    """Tensors of one piece each, made whenever they are asked for."""

    def __init__(self, maps: Mapping[str, Callable[[], NDArray[np.float32]]]) -> None:
        self._maps = maps

    def __getitem__(self, name: str) -> list[NDArray[Any]]:
        return [np.ascontiguousarray(self._maps[name]())]

    def __iter__(self) -> Iterator[str]:
        return iter(self._maps)

    def __len__(self) -> int:
        return len(self._maps)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value
