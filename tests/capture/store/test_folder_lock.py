import os
import subprocess
import sys

import pytest

from posescope.capture.store.folder_lock import FolderLock
from posescope.errors import InputError

HOLD = """
import fcntl, sys
file = open(sys.argv[1], 'r+')
fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
print('held', flush=True)
sys.stdin.read()
"""


def test_one_at_a_time_in_a_process(tmp_path) -> None:
    lock, other_rank = FolderLock(tmp_path, 0), FolderLock(tmp_path, 1)
    with pytest.raises(InputError, match=f'another run of this process writes to {tmp_path}'):
        FolderLock(tmp_path, 0)
    held_elsewhere = subprocess.run(
        [sys.executable, '-c', HOLD, tmp_path / '.rank0.lock'],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert b'held' not in held_elsewhere.stdout  # the refused attempt did not let the lock go
    lock.release()
    lock.release()
    FolderLock(tmp_path, 0).release()
    other_rank.release()


def test_one_at_a_time_among_processes(tmp_path) -> None:
    path = tmp_path / '.rank0.lock'
    path.touch()
    with subprocess.Popen([sys.executable, '-c', HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b'held\n'
        with pytest.raises(InputError, match=f'another run writes to {tmp_path}; wait for it or choose another folder'):
            FolderLock(tmp_path, 0)
        other.kill()
    FolderLock(tmp_path, 0).release()


def test_workers_do_not_inherit_it(tmp_path) -> None:
    """The workers of a data loader may outlive a run that was killed."""
    lock = FolderLock(tmp_path, 0)
    go_on, stop = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(stop)
        os.read(go_on, 1)
        os._exit(0)
    lock.release()
    check = subprocess.run(
        [sys.executable, '-c', HOLD, tmp_path / '.rank0.lock'],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    os.close(stop)
    os.close(go_on)
    os.waitpid(worker, 0)
    assert check.stdout == b'held\n'


def test_a_folder_that_cannot_be_written(tmp_path) -> None:
    (tmp_path / '.rank0.lock').mkdir()
    with pytest.raises(InputError, match=r'\.rank0\.lock: Is a directory'):
        FolderLock(tmp_path, 0)
