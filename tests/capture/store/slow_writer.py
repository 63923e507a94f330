"""Writes a store so slowly that it can be killed at any moment of it; runs in processes of its own."""

import os
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import BinaryIO

from posescope.capture.store import file_bytes
from posescope.capture.store.writer import StoreWriter
from tests.capture.store.drawn_samples import IDENTITY, draw_maps, draw_sample, write_store

PEOPLE = 47


def write_slowly(folder: Path, ready: Connection, rank: int = 0, world: int = 1) -> None:
    sync, replace = os.fsync, os.replace

    def slow_write(file: BinaryIO, content: memoryview) -> None:
        # Past the cache a shard comes at once, and can only be written in whole blocks; else it comes in pieces.
        step, seconds = (4096, 0.003) if len(content) % 4096 == 0 else (len(content) // 2 + 1, 0.0005)
        for start in range(0, len(content), step):
            file.write(content[start : start + step])
            time.sleep(seconds)

    def slow_sync(descriptor: int) -> None:
        sync(descriptor)
        time.sleep(0.002)

    file_bytes._write_all = slow_write
    os.fsync = slow_sync
    os.replace = replace
    ready.send('begins')
    samples = [draw_sample(i) for i in range(PEOPLE)][rank::world]
    write_store(folder, SlowList(samples), rank=rank, world=world, expected=PEOPLE)
    ready.send('ended')


class SlowList(list):
    """Takes its time to give a batch, as a model does."""

    def __getitem__(self, index):
        time.sleep(0.003)
        return super().__getitem__(index)


def write_much(folder: Path, result: Connection, count: int) -> None:
    """Hand over batches of 1 MB much faster than they are written, and tell by how many bytes memory grew."""
    write = file_bytes._write_all

    def slow_write(file: BinaryIO, content: memoryview) -> None:
        time.sleep(0.03)  # so that the queue is full all the time, however fast the disk
        write(file, content)

    file_bytes._write_all = slow_write
    base = draw_maps([draw_sample(0)])['backbone[0]'].ravel()[:128].repeat(1024)[None].repeat(4, 0)
    Path('/proc/self/clear_refs').write_text('5')
    before = memory('VmRSS')
    with StoreWriter(folder, IDENTITY, shard_bytes=4 * 2**20, queue_bytes=8 * 2**20) as writer:
        for batch in range(count):
            writer.write([draw_sample(4 * batch + i) for i in range(4)], {'head': base})
    result.send(memory('VmHWM') - before)


def memory(name: str) -> int:
    lines = Path('/proc/self/status').read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(name)).split()[1])
