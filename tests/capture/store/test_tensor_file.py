import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from posescope.capture.store.file_bytes import DirectWriter
from posescope.capture.store.tensor_file import TYPES, TensorFile, write_tensors
from posescope.errors import InputError


def tensors() -> dict[str, list[np.ndarray]]:
    generator = np.random.default_rng(0)
    drawn = {
        f'map/{name}': [generator.integers(0, 2, (n, 3, 5)).astype(name) for n in (2, 0, 4)] for name in TYPES.values()
    }
    return {**drawn, 'head[0][kpts]@mirrored': [np.float32([[1.5]])], 'scalars': [np.arange(3.0), np.arange(2.0)]}


def test_safetensors_reads_what_we_write(tmp_path) -> None:
    write_tensors(tmp_path / 'a.safetensors', tensors())
    found = load_file(tmp_path / 'a.safetensors')
    assert found.keys() == tensors().keys()
    for name, pieces in tensors().items():
        assert found[name].dtype == pieces[0].dtype
        np.testing.assert_array_equal(found[name], np.concatenate(pieces))
    with safe_open(tmp_path / 'a.safetensors', 'pt') as file:
        assert file.get_slice('map/float16')[3:5].shape == (2, 3, 5)


def test_we_read_what_safetensors_writes(tmp_path) -> None:
    joined = {name: np.concatenate(pieces) for name, pieces in tensors().items()}
    save_file(joined, tmp_path / 'a.safetensors', {'format': 'np'})
    file = TensorFile(tmp_path / 'a.safetensors')
    assert file.header.keys() == joined.keys()
    for name, array in joined.items():
        np.testing.assert_array_equal(file[name], array)
        assert not file[name].flags.writeable


def test_equal_content_equal_bytes_and_aligned(tmp_path) -> None:
    write_tensors(tmp_path / 'a', tensors())
    write_tensors(tmp_path / 'b', dict(reversed({name: [np.concatenate(p)] for name, p in tensors().items()}.items())))
    assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes()
    file = TensorFile(tmp_path / 'a')
    assert all(file[name].flags.aligned for name in file.header)


def test_past_the_cache_the_same_bytes(tmp_path, monkeypatch) -> None:
    write_tensors(tmp_path / 'a', tensors())
    write_tensors(tmp_path / 'b', tensors(), DirectWriter())
    monkeypatch.setattr(DirectWriter, 'write', lambda *args: False)  # a file system that refuses
    write_tensors(tmp_path / 'c', tensors(), DirectWriter())
    assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes() == (tmp_path / 'c').read_bytes()


def test_no_file_after_a_failure(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        write_tensors(tmp_path / 'nowhere' / 'a', tensors())
    with pytest.raises(AttributeError):
        write_tensors(tmp_path / 'a', {'x': [np.zeros(2), None]})
    assert not list(tmp_path.iterdir())


def broken(name: str, good: bytes) -> bytes:
    length = int.from_bytes(good[:8], 'little')
    header = json.loads(good[8 : 8 + length])
    if name == 'shape':
        header['x']['shape'] = [3]
    elif name == 'type':
        header['x']['dtype'] = 'F8_E4M3'
    text = json.dumps(header).encode()
    return {
        'empty': b'',
        'short': good[:5],
        'header': good[: 8 + length // 2],
        'cut': good[:-1],
        'longer': good + b'\0',
        'text': good[:9] + b'?' + good[10:],
        'list': (2).to_bytes(8, 'little') + b'[]',
        'shape': len(text).to_bytes(8, 'little') + text + bytes(16),
        'type': len(text).to_bytes(8, 'little') + text + bytes(16),
    }[name]


@pytest.mark.parametrize('name', ['empty', 'short', 'header', 'cut', 'longer', 'text', 'list', 'shape', 'type'])
def test_broken_files_are_named(tmp_path, name: str) -> None:
    write_tensors(tmp_path / 'good', {'x': [np.arange(2.0)]})
    np.testing.assert_array_equal(TensorFile(tmp_path / 'good')['x'], [0, 1])
    (tmp_path / 'a').write_bytes(broken(name, (tmp_path / 'good').read_bytes()))
    with pytest.raises(InputError, match=f'{tmp_path}/a is broken: '):
        TensorFile(tmp_path / 'a')


def test_unreadable_files_are_named(tmp_path) -> None:
    with pytest.raises(InputError, match='missing cannot be read: No such file'):
        TensorFile(tmp_path / 'missing')
    with pytest.raises(InputError, match='cannot be read: Is a directory'):
        TensorFile(tmp_path)
