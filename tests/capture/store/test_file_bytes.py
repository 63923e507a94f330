import errno
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from posescope.capture.store import file_bytes
from posescope.capture.store.file_bytes import DirectWriter, write_cached

PAGE, CAPACITY = 4096, file_bytes._CAPACITY


def pieces(*lengths: int) -> list[NDArray[np.uint8]]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, length, np.uint8) for length in lengths]


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A folder whose file system lets its cache be passed by."""
    try:
        os.close(os.open(tmp_path / 'try', os.O_WRONLY | os.O_CREAT | os.O_DIRECT))
    except OSError as error:
        pytest.skip(f'the file system of {tmp_path} does not open files directly: {error.strerror}')
    return tmp_path


LENGTHS = [
    (), (0,), (1,), (PAGE,), (PAGE + 1,), (8, 0, PAGE - 8), (CAPACITY - 1, 2), (CAPACITY,), (3, 2 * CAPACITY, 5),
    (7, 100, CAPACITY // 3, CAPACITY, PAGE, 1),
]  # fmt: skip


@pytest.mark.parametrize('lengths', LENGTHS)
def test_both_ways_give_the_same_bytes(disk: Path, lengths: tuple[int, ...]) -> None:
    parts = pieces(*lengths)
    writer = DirectWriter()
    for name in ('first', 'again'):  # nothing of the file before is left in the next one
        assert writer.write(disk / name, parts)
        assert (disk / name).read_bytes() == b''.join(part.tobytes() for part in parts)
    write_cached(disk / 'cached', parts)
    assert (disk / 'cached').read_bytes() == (disk / 'first').read_bytes()
    assert (disk / 'cached').stat().st_mode == (disk / 'first').stat().st_mode


@pytest.mark.parametrize('number', [errno.EINVAL, errno.EOPNOTSUPP])
@pytest.mark.parametrize('moment', ['_open_direct', '_write_all'])
def test_a_file_system_that_refuses_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, moment: str
) -> None:
    asked = []

    def refuse(*args: object) -> None:
        asked.append(args)
        raise OSError(number, os.strerror(number))

    writer = DirectWriter()
    monkeypatch.setattr(file_bytes, moment, refuse)
    assert not writer.write(tmp_path / 'a', pieces(10))
    assert not writer.write(tmp_path / 'a', pieces(10))
    assert len(asked) == 1


def test_a_system_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_bytes, '_DIRECT', 0)
    assert not DirectWriter().write(tmp_path / 'a', pieces(10))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_no_refusal(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(file_bytes, '_write_all', full)
    with pytest.raises(OSError, match='No space left'):
        DirectWriter().write(disk / 'a', pieces(10))
