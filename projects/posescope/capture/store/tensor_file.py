"""safetensors files, written from pieces without joining them, and read without loading them."""

import json
import mmap
import os
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posescope.atomic import replacing
from posescope.capture.store.file_bytes import DirectWriter, write_cached
from posescope.errors import InputError

__all__ = ['TYPES', 'TensorFile', 'write_tensors']

TYPES = {
    'F64': 'float64', 'F32': 'float32', 'F16': 'float16', 'I64': 'int64', 'I32': 'int32', 'I16': 'int16', 'I8': 'int8',
    'U64': 'uint64', 'U32': 'uint32', 'U16': 'uint16', 'U8': 'uint8', 'BOOL': 'bool',
}  # fmt: skip
"""Types of the format that numpy has, https://github.com/huggingface/safetensors#format."""
_CODES = {name: code for code, name in TYPES.items()}


def write_tensors(path: Path, tensors: Mapping[str, Sequence[NDArray]], direct: DirectWriter | None = None) -> None:
    """Write a file that appears complete and on the disk, or not at all.

    ``safetensors.numpy.save_file`` would need every tensor in one piece, copy it once more, and give its header an
    order that may differ from run to run. Here equal content gives equal bytes.

    Args:
        path: Of the file.
        tensors: Name → pieces that are joined along the first axis, all contiguous and of one type.
        direct: Writes it past the system's cache of pages, if it can; the bytes are the same.

    Raises:
        OSError: The disk is full, for example. No file is left behind.
    """
    # Larger elements first, so that each tensor begins at a multiple of its element's size.
    names = sorted(tensors, key=lambda name: (-tensors[name][0].itemsize, name))
    header, offset = {}, 0
    for name in names:
        pieces = tensors[name]
        size = sum(piece.nbytes for piece in pieces)
        shape = [sum(len(piece) for piece in pieces), *pieces[0].shape[1:]]
        header[name] = dict(dtype=_CODES[pieces[0].dtype.name], shape=shape, data_offsets=[offset, offset + size])
        offset += size
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    pieces = [np.frombuffer(len(text).to_bytes(8, 'little') + text, np.uint8)]
    pieces += [piece.reshape(-1).view(np.uint8) for name in names for piece in tensors[name]]
    with replacing(path) as temporary:
        if direct is None or not direct.write(temporary, pieces):
            write_cached(temporary, pieces)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names of new files to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class TensorFile:
    """A safetensors file, mapped into memory.

    Args:
        path: Of the file.

    Raises:
        InputError: It cannot be read, is no safetensors file, or is shorter than it says.
    """

    def __init__(self, path: Path) -> None:
        try:
            with path.open('rb') as file:
                length = os.fstat(file.fileno()).st_size
                start = 8 + int.from_bytes(file.read(8), 'little')
                if length < 8 or start > length:
                    raise InputError(f'{path} is broken: it ends before its header does')
                self.header = _header(file.read(start - 8), path)
                end = start + max((entry['data_offsets'][1] for entry in self.header.values()), default=0)
                if length != end:
                    raise InputError(f'{path} is broken: it has {length} bytes instead of {end}')
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise InputError(f'{path} cannot be read: {error.strerror}') from error
        self._views: dict[str, NDArray] = {
            name: np.ndarray(
                entry['shape'], np.dtype(TYPES[entry['dtype']]), self._map, start + entry['data_offsets'][0]
            )
            for name, entry in self.header.items()
        }

    def __contains__(self, name: str) -> bool:
        return name in self._views

    def __getitem__(self, name: str) -> NDArray:
        """A view that reads from the disk what is looked at."""
        return self._views[name]


def _header(text: bytes, path: Path) -> dict[str, dict]:
    try:
        header = json.loads(text)
        header.pop('__metadata__', None)
        for entry in header.values():
            first, last = entry['data_offsets']
            if last - first != prod(entry['shape']) * np.dtype(TYPES[entry['dtype']]).itemsize:
                raise ValueError('sizes')  # noqa: TRY301
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f'{path} is broken: its header is not one of safetensors') from error
    return header
