"""Writers that are killed, and disks that are full."""

import multiprocessing
import random
import subprocess
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest

from posescope.capture.store.reader import open_store
from posescope.errors import InputError
from tests.capture.store.drawn_samples import content, draw_maps, draw_sample, write_store
from tests.capture.store.slow_writer import PEOPLE, write_much, write_slowly

pytestmark = pytest.mark.crash


@pytest.fixture(scope='module')
def processes():
    """Processes that begin at once: their parent has imported everything."""
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['tests.capture.store.slow_writer'])
    return context


def begin(
    processes, folder: Path, rank: int = 0, world: int = 1
) -> tuple[BaseProcess, 'multiprocessing.connection.Connection']:
    receiver, sender = processes.Pipe(duplex=False)
    process = processes.Process(target=write_slowly, args=(folder, sender, rank, world))
    process.start()
    sender.close()
    assert receiver.recv() == 'begins'
    return process, receiver


def samples_of(rank: int = 0, world: int = 1):
    return [draw_sample(i) for i in range(PEOPLE)][rank::world]


@pytest.fixture(scope='module')
def undisturbed(processes, tmp_path_factory) -> Iterator[tuple[Path, float]]:
    folder = tmp_path_factory.mktemp('undisturbed')
    process, receiver = begin(processes, folder)
    began = time.perf_counter()
    assert receiver.recv() == 'ended'
    yield folder, time.perf_counter() - began
    process.join()


def test_fifty_kills_at_random_moments(processes, undisturbed, tmp_path: Path) -> None:
    expected, seconds = content(undisturbed[0]), undisturbed[1]
    moments = random.Random(0)
    half_written, sizes = 0, set()
    for run in range(50):
        folder = tmp_path / str(run)
        process, _ = begin(processes, folder)
        time.sleep(moments.uniform(0, seconds))
        process.kill()
        process.join()
        found = content(folder) if folder.exists() else {}
        half_written += any(name.endswith('.part') for name in found)
        sizes.add(len(found))
        write_store(folder, samples_of())
        assert content(folder) == expected
    assert half_written > 3  # the kills did hit files that were being written,
    assert len(sizes) > 4  # in different stages of the run


def test_killed_again_and_again(processes, undisturbed, tmp_path: Path) -> None:
    """Each run gets a little further, until one ends."""
    moments = random.Random(1)
    for _ in range(100):
        process, receiver = begin(processes, tmp_path)
        if receiver.poll(undisturbed[1] * moments.uniform(0.2, 0.6)):
            assert receiver.recv() == 'ended'
            process.join()
            break
        process.kill()
        process.join()
    assert content(tmp_path) == content(undisturbed[0])


def test_two_ranks_killed_together(processes, undisturbed, tmp_path: Path) -> None:
    whole = tmp_path / 'whole'
    for rank in range(2):
        write_store(whole, samples_of(rank, 2), rank=rank, world=2, expected=PEOPLE)
    moments = random.Random(2)
    for run in range(10):
        folder = tmp_path / str(run)
        begun = [begin(processes, folder, rank, 2)[0] for rank in range(2)]
        time.sleep(moments.uniform(0, undisturbed[1] / 2))
        for process in begun:
            process.kill()
        for process in begun:
            process.join()
        for rank in range(2):
            write_store(folder, samples_of(rank, 2), rank=rank, world=2, expected=PEOPLE)
        assert content(folder) == content(whole)


def test_what_a_killed_run_left_can_be_read(processes, undisturbed, tmp_path: Path) -> None:
    process, _ = begin(processes, tmp_path)
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob('rank0-00001*')):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.kill()
    process.join()
    with pytest.warns(UserWarning, match=f'of {PEOPLE} samples are missing'):
        store = open_store(tmp_path)
    assert len(store.samples) + store.missing == PEOPLE
    assert len(store.samples) in (20, 30, 40)
    expected = draw_maps(list(store.samples))['backbone[0]'].astype(np.float16)
    np.testing.assert_array_equal(store['backbone[0]'][:], expected)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / 'disk'
    folder.mkdir()
    made = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=32k', 'tmpfs', folder], capture_output=True, check=False)
    if made.returncode:
        pytest.skip('needs to be allowed to mount a disk')
    yield folder
    subprocess.run(['umount', '-l', folder], check=True)


def test_full_disk(small_disk: Path) -> None:
    """With the number of people unknown nothing can be refused beforehand."""
    samples = [draw_sample(i) for i in range(60)]
    with pytest.raises(InputError, match='no space left on the disk; complete shards stay'):
        write_store(small_disk, samples, expected=None)
    assert not list(small_disk.glob('.*.part'))
    with pytest.warns(UserWarning, match='has not ended'):
        store = open_store(small_disk)
    found = len(store.samples)
    assert found in (10, 20)
    np.testing.assert_array_equal(store['head'][:], draw_maps(samples[:found])['head'].astype(np.float16))


def test_memory_does_not_grow_with_the_run(processes, tmp_path: Path) -> None:
    """Bounded by queue (8 MiB), shard (4 MiB) and a batch or two, whether the run is 30 or 120 MB long."""
    grown = []
    for count in (30, 120):
        receiver, sender = processes.Pipe(duplex=False)
        process = processes.Process(target=write_much, args=(tmp_path / str(count), sender, count))
        process.start()
        grown.append(receiver.recv() / 2**20)
        process.join()
    assert max(grown) < 20
    assert grown[1] < grown[0] + 1
