"""What runs on in a folder, and what is refused."""

import errno
import gc
import json
import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from posescope.capture.store import shard_thread
from posescope.capture.store.block_queue import BlockQueue
from posescope.capture.store.file_bytes import DirectWriter
from posescope.capture.store.reader import open_store
from posescope.capture.store.writer import StoreWriter
from posescope.errors import CaptureError, InputError
from tests.capture.store.drawn_samples import (
    GRID,
    IDENTITY,
    batches,
    content,
    draw_maps,
    draw_sample,
    write_store,
)

SAMPLES = [draw_sample(i) for i in range(47)]


def write_part(folder: Path, count: int, **options) -> None:
    """A run that ends in an exception after so many samples."""
    with (
        pytest.raises(ZeroDivisionError),
        StoreWriter(
            folder, **{**dict(identity=IDENTITY, shard_bytes=10 * 970, expected=len(SAMPLES)), **options}
        ) as writer,
    ):
        for batch in batches(SAMPLES[:count]):
            writer.write(batch, draw_maps(batch), {'backbone[0]': GRID, 'backbone[0]@mirrored': GRID})
        raise ZeroDivisionError


def test_files(tmp_path) -> None:
    write_store(tmp_path, SAMPLES)
    names = [f'rank0-{number:05d}.safetensors' for number in range(5)]
    assert sorted(content(tmp_path)) == ['.rank0.lock', 'manifest.json', *names, 'rank0.json']
    manifest = json.loads((tmp_path / 'manifest.json').read_bytes())
    assert manifest['identity'] == IDENTITY
    assert manifest['layers']['head'] == dict(shape=[5], dtype='float16', grid=None, reduction=None)
    assert manifest['layers']['backbone[0]']['grid'] == dict(scale=[32, 32], offset=[0, 0])


def test_same_bytes_whatever_the_batches(tmp_path) -> None:
    write_store(tmp_path / 'a', SAMPLES)
    write_store(tmp_path / 'b', SAMPLES, size=23)
    write_store(tmp_path / 'c', SAMPLES, size=1, queue_bytes=1)
    assert content(tmp_path / 'a') == content(tmp_path / 'b') == content(tmp_path / 'c')


def test_the_size_is_announced_once(tmp_path) -> None:
    lines = []
    write_store(tmp_path, SAMPLES, announce=lines.append)
    assert lines == [
        f'{tmp_path} takes 45.6 kB: 47 samples of 970 bytes'
    ]  # 2 maps of 5·8·6 and 5 numbers, 2 bytes each
    write_store(tmp_path / 'b', SAMPLES, announce=lines.append, expected=None)
    assert lines[1:] == [f'{tmp_path}/b takes 970 bytes a sample']


@pytest.mark.parametrize('count', [0, 3, 10, 25, 47])
def test_an_exception_keeps_complete_shards_and_a_resumed_run_goes_on(tmp_path, count: int) -> None:
    write_store(tmp_path / 'whole', SAMPLES)
    write_part(tmp_path / 'a', count)
    assert len(list((tmp_path / 'a').glob('rank0-*'))) == count // 10
    write_store(tmp_path / 'a', SAMPLES)
    assert content(tmp_path / 'a') == content(tmp_path / 'whole')


def test_a_resumed_run_is_told_what_is_there(tmp_path) -> None:
    write_part(tmp_path, 25)
    with StoreWriter(tmp_path, IDENTITY, expected=47) as writer:
        assert [writer.has(sample) for sample in SAMPLES] == [True] * 20 + [False] * 27


def test_a_deleted_shard_is_written_again(tmp_path) -> None:
    write_store(tmp_path, SAMPLES)
    before = content(tmp_path)
    (tmp_path / 'rank0-00002.safetensors').unlink()
    write_store(tmp_path, SAMPLES)
    assert content(tmp_path) == before


def test_the_manifest_decides_the_size_of_shards(tmp_path) -> None:
    write_store(tmp_path / 'whole', SAMPLES)
    write_part(tmp_path / 'a', 25)
    write_store(tmp_path / 'a', SAMPLES, shard_bytes=3000)
    assert content(tmp_path / 'a') == content(tmp_path / 'whole')


def test_again_changes_nothing(tmp_path) -> None:
    write_store(tmp_path, SAMPLES)
    before = content(tmp_path)
    write_store(tmp_path, SAMPLES)
    assert content(tmp_path) == before


def test_duplicates_in_a_run_are_written_once(tmp_path) -> None:
    write_store(tmp_path / 'a', SAMPLES)
    write_store(tmp_path / 'b', [*SAMPLES[:5], *SAMPLES[:2], *SAMPLES[5:], SAMPLES[0]], expected=47)
    assert content(tmp_path / 'a') == content(tmp_path / 'b')


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(identity={**IDENTITY, 'config': 'e' * 64}), r'another config \(cccccccccccc instead of eeeeeeeeeeee\)'),
        (dict(identity={'config': 'c' * 64}), r'another checkpoint \(dddddddddddd instead of nothing\)'),
        (dict(dtype='float32'), r'another type \(float16 instead of float32\)'),
        (dict(world=2), r'another number of processes \(1 instead of 2\)'),
        (dict(expected=48), r'another number of people \(47 instead of 48\)'),
    ],
)
def test_another_run_is_refused(tmp_path, options: dict, message: str) -> None:
    write_part(tmp_path, 25)
    before = content(tmp_path)
    with pytest.raises(InputError, match=f'{tmp_path} was written with {message}; choose another folder'):
        write_store(tmp_path, SAMPLES, **options)
    assert content(tmp_path) == before
    write_store(tmp_path, SAMPLES)  # and the refused one holds no lock


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda maps: {**maps, 'backbone[1]': maps['head']}, r'holds no layer backbone\[1\] \(nearest: backbone\[0\],'),
        (lambda maps: {'head': maps['head']}, r'also holds layer backbone\[0\], which this run does not write'),
        (lambda maps: {**maps, 'head': maps['head'][:, :4]}, r'layer head has shape \[5\], this run writes \[4\]'),
        (
            lambda maps: {**maps, 'head': maps['head'].astype(int)},
            'layer head has dtype float16, this run writes int64',
        ),
    ],
)
def test_other_layers_are_refused(tmp_path, change, message: str) -> None:
    write_part(tmp_path, 25)
    with pytest.raises(InputError, match=message), StoreWriter(tmp_path, IDENTITY, expected=47) as writer:
        writer.write(SAMPLES[:4], change(draw_maps(SAMPLES[:4])))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda maps: {**maps, 'neck': maps['head']}, 'layer neck was not in the first batch'),
        (lambda maps: {'head': maps['head']}, r'layer backbone\[0\] was in the first batch'),
        (
            lambda maps: {**maps, 'head': maps['head'][:, :4]},
            r'layer head has shape \[4\] a sample, but \[5\] in the first',
        ),
        (
            lambda maps: {**maps, 'head': maps['head'] > 0},
            'layer head has dtype bool a sample, but float16 in the first',
        ),
        (
            lambda maps: {**maps, 'head': maps['head'][:3]},
            r'layer head: \(3, 5\) has not one row for each of 4 samples',
        ),
    ],
)
def test_batches_unlike_the_first_are_refused(tmp_path, change, message: str) -> None:
    with pytest.raises(CaptureError, match=message), StoreWriter(tmp_path, IDENTITY) as writer:
        writer.write(SAMPLES[:4], draw_maps(SAMPLES[:4]))
        writer.write(SAMPLES[4:8], change(draw_maps(SAMPLES[4:8])))


def test_samples_with_other_joints_are_refused(tmp_path) -> None:
    with pytest.raises(CaptureError, match='equally many keypoints'), StoreWriter(tmp_path, IDENTITY) as writer:
        writer.write([SAMPLES[0], draw_sample(1, keypoints=np.zeros((4, 2)))], {'head': np.zeros((2, 3))})


def test_nothing_to_write_is_refused(tmp_path) -> None:
    with pytest.raises(CaptureError, match='there is no layer to write'), StoreWriter(tmp_path, IDENTITY) as writer:
        writer.write(SAMPLES[:2], {})
    assert not list(tmp_path.glob('*.json'))


@pytest.mark.parametrize('when', ['at once', 'later', 'in a resumed run'])
def test_people_of_several_data_sets_with_equal_ids_are_refused(tmp_path, when: str) -> None:
    other = replace(SAMPLES[0], image_path='other/0.jpg')
    message = r'image id 0, annotation id 7 is in 0\.jpg and in other/0\.jpg: data sets that share ids'
    if when == 'in a resumed run':
        with StoreWriter(tmp_path, IDENTITY) as writer:
            writer.write(SAMPLES[:2], draw_maps(SAMPLES[:2]))
    with pytest.raises(CaptureError, match=message), StoreWriter(tmp_path, IDENTITY) as writer:
        if when == 'at once':
            writer.write([SAMPLES[0], other], draw_maps([SAMPLES[0], other]))
        if when == 'later':
            writer.write(SAMPLES[:2], draw_maps(SAMPLES[:2]))
        writer.write([other], draw_maps([other]))


def test_a_disk_without_room_is_refused_before_anything_is_written(tmp_path) -> None:
    with pytest.raises(
        InputError, match=r'takes 970 TB: \d+ samples of 970 bytes, but the disk has .* free; choose fewer layers'
    ):
        write_store(tmp_path, SAMPLES, expected=10**12)
    assert sorted(content(tmp_path)) == ['.rank0.lock']


def test_two_writers_on_one_folder(tmp_path) -> None:
    with StoreWriter(tmp_path, IDENTITY), pytest.raises(InputError, match='another run of this process writes to'):
        StoreWriter(tmp_path, IDENTITY)
    StoreWriter(tmp_path, IDENTITY).close()


def test_a_forgotten_writer_lets_go(tmp_path) -> None:
    writer = StoreWriter(tmp_path, IDENTITY, shard_bytes=10 * 970)
    for batch in batches(SAMPLES[:25]):
        writer.write(batch, draw_maps(batch))
    threads = threading.active_count()
    del writer
    gc.collect()
    assert threading.active_count() == threads - 1
    assert len(list(tmp_path.glob('rank0-*'))) == 2
    StoreWriter(tmp_path, IDENTITY).close()


def test_a_closed_writer_takes_nothing(tmp_path) -> None:
    writer = StoreWriter(tmp_path, IDENTITY)
    writer.close()
    writer.close()
    with pytest.raises(CaptureError, match='its writer is closed'):
        writer.write(SAMPLES[:1], draw_maps(SAMPLES[:1]))


def test_a_folder_that_cannot_be_made(tmp_path) -> None:
    (tmp_path / 'file').write_text('')
    for folder in (tmp_path / 'file', tmp_path / 'file' / 'below'):
        with pytest.raises(InputError, match=f'{folder} cannot be made a folder: '):
            StoreWriter(folder, IDENTITY)


def test_unknown_dtype(tmp_path) -> None:
    with pytest.raises(InputError, match="dtype='bfloat16' is not a type of the store; nearest: float16"):
        StoreWriter(tmp_path, IDENTITY, dtype='bfloat16')


def test_shards_without_manifest_are_not_added_to(tmp_path) -> None:
    write_store(tmp_path, SAMPLES)
    (tmp_path / 'manifest.json').unlink()
    with pytest.raises(InputError, match='holds shards but no manifest'):
        StoreWriter(tmp_path, IDENTITY)


def test_a_truncated_shard_is_not_added_to(tmp_path) -> None:
    write_store(tmp_path, SAMPLES)
    shard = tmp_path / 'rank0-00003.safetensors'
    shard.write_bytes(shard.read_bytes()[:-10])
    with pytest.raises(InputError, match=r'rank0-00003\.safetensors is broken'):
        StoreWriter(tmp_path, IDENTITY, expected=47)


@contextmanager
def largest_file(count: int) -> Iterator[None]:
    """As a full disk, but for this process alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize('many', [False, True])
def test_a_file_that_cannot_grow(tmp_path, many: bool) -> None:
    """The error is in the thread; it shows at the next write, or at the end."""
    samples = [draw_sample(i) for i in range(400 if many else 10)]
    with largest_file(5000), pytest.raises(InputError, match='file too large; complete shards stay'):
        write_store(tmp_path, samples, queue_bytes=4000)
    assert not list(tmp_path.glob('*.safetensors'))
    assert not list(tmp_path.glob('.*.part'))
    write_store(tmp_path, samples)
    assert len(open_store(tmp_path).samples) == len(samples)


def test_a_disk_that_fills_while_syncing(tmp_path, monkeypatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    writer = StoreWriter(tmp_path, IDENTITY, shard_bytes=10 * 970)
    writer.write(SAMPLES[:4], draw_maps(SAMPLES[:4]))
    with monkeypatch.context() as patch, pytest.raises(InputError, match='no space left on the disk'):
        patch.setattr(os, 'fsync', full)
        writer.close()
    assert sorted(content(tmp_path)) == ['.rank0.lock', 'manifest.json']


def test_any_error_of_the_thread_surfaces(tmp_path, monkeypatch) -> None:
    def fail(*args: object) -> None:
        raise ZeroDivisionError('unforeseen')

    monkeypatch.setattr(shard_thread, 'write_tensors', fail)
    with pytest.raises(CaptureError, match='writing failed: ZeroDivisionError: unforeseen'):
        write_store(tmp_path, SAMPLES)


def test_shards_past_the_cache_hold_the_same_bytes(tmp_path, monkeypatch) -> None:
    written = []
    write = DirectWriter.write

    def noted(self: DirectWriter, path: Path, pieces) -> bool:
        written.append(write(self, path, pieces))
        return written[-1]

    with monkeypatch.context() as patch:
        patch.setattr(DirectWriter, 'write', noted)
        patch.setattr(BlockQueue, 'keeps_up', lambda *args: True)  # on a busy machine the thread may always be behind
        write_store(tmp_path / 'a', SAMPLES)
    with monkeypatch.context() as patch:
        patch.setattr(DirectWriter, 'write', lambda *args: False)
        write_store(tmp_path / 'b', SAMPLES)
    assert written
    assert content(tmp_path / 'a') == content(tmp_path / 'b')


@pytest.mark.parametrize(
    ('people', 'bytes_each', 'world', 'per_shard'),
    [
        (768, 100_000, 1, 96),  # an eighth
        (769, 100_000, 1, 96),
        (1536, 100_000, 2, 96),  # of each rank's part
        (100, 100_000, 1, 41),  # but 4 MiB at least,
        (10**5, 100_000, 1, 671),  # and what was asked for, 64 MiB, at most
        (None, 100_000, 1, 671),
        (3, 10**7, 1, 1),
    ],
)
def test_short_runs_have_small_shards(tmp_path, people, bytes_each: int, world: int, per_shard: int) -> None:
    with pytest.raises(ZeroDivisionError), StoreWriter(tmp_path, IDENTITY, 0, world, expected=people) as writer:
        writer.write(SAMPLES[:1], {'head': np.zeros((1, bytes_each), np.uint8)})
        raise ZeroDivisionError
    assert json.loads((tmp_path / 'manifest.json').read_bytes())['samples_per_shard'] == per_shard
