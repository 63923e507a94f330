"""Writes checkpoints as torch.save does, and as it would not."""

import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer


def save(content: Any, path: Path, legacy: bool = False) -> Path:
    """Save in one of torch's two formats; the zoos use the legacy one."""
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path


def write_archive(data: bytes, path: Path) -> Path:
    """Write an archive like torch.save's around pickled data that hold no tensor."""
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('archive/data.pkl', data)
        archive.writestr('archive/version', '3\n')
        archive.writestr('archive/byteorder', sys.byteorder)
    return path


def of_other_numpy(content: Any, path: Path) -> Path:
    """Save as the other major version of numpy would, which has its module under another name."""
    names = [b'cnumpy.core.multiarray\n', b'cnumpy._core.multiarray\n']
    data = pickle.dumps(content, 2)
    here, there = names if names[0] in data else reversed(names)
    assert here in data
    return write_archive(data.replace(here, there), path)


def assert_same(value: Any, expected: Any, place: str = 'checkpoint') -> None:
    """Compare what was loaded with the truth, types included."""
    if isinstance(expected, np.ndarray):
        assert isinstance(value, np.ndarray)
        assert value.dtype == expected.dtype, place
        np.testing.assert_array_equal(value, expected, err_msg=place)
        return
    assert type(value) is type(expected), place
    if isinstance(expected, dict):
        assert list(value) == list(expected), place
        for key in expected:
            assert_same(value[key], expected[key], f'{place}[{key!r}]')
    elif isinstance(expected, (list, tuple)):
        assert len(value) == len(expected), place
        for index, item in enumerate(expected):
            assert_same(value[index], item, f'{place}[{index}]')
    elif isinstance(expected, torch.Tensor):
        assert torch.equal(value, expected), place
    elif isinstance(expected, HistoryBuffer):
        assert type(value._log_history) is np.ndarray
        assert_same(vars(value), vars(expected), place)
    else:
        assert value == expected, place
