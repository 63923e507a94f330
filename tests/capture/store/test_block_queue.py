import threading
import time

import numpy as np
import pytest

from posescope.capture.store.block_queue import Block, BlockQueue
from posescope.capture.store.index import SampleIndex
from tests.capture.store.drawn_samples import draw_sample


def block(count: int, nbytes: int = 100) -> Block:
    samples = SampleIndex.of([draw_sample(i) for i in range(count)])
    return Block(samples, {'a': np.zeros((count, nbytes // count), np.uint8)})


def test_split() -> None:
    first, rest = block(5).split(2)
    assert (len(first), len(rest), first.nbytes, rest.nbytes) == (2, 3, 40, 60)
    assert first.samples[1].image_id == 1
    assert rest.samples[0].image_id == 2
    assert len(rest.split(9)[1]) == 0


def test_waits_for_room() -> None:
    queue, took = BlockQueue(250), []
    taker = threading.Thread(
        target=lambda: [(time.sleep(0.2), took.append(queue.get())) for _ in range(4)], daemon=True
    )
    taker.start()
    began = time.perf_counter()
    queue.put(block(1), taker)
    queue.put(block(1), taker)
    assert time.perf_counter() - began < 0.15
    queue.put(block(1), taker)
    assert time.perf_counter() - began > 0.15
    queue.put(block(1, 1000), taker)  # larger than the limit: once it is alone
    assert len(took) == 3


def test_an_error_reaches_one_who_waits() -> None:
    queue = BlockQueue(100)
    taker = threading.Thread(target=lambda: (time.sleep(0.1), queue.fail(OSError('broken'))), daemon=True)
    taker.start()
    queue.put(block(1), taker)
    with pytest.raises(OSError, match='broken'):
        queue.put(block(1), taker)


def test_a_dead_taker_is_noticed() -> None:
    taker = threading.Thread(target=lambda: None)
    with pytest.raises(RuntimeError, match='has ended'):
        BlockQueue(100).put(block(1), taker)


def test_closed_and_empty() -> None:
    queue = BlockQueue(100)
    queue.put(block(1), threading.current_thread())
    queue.close()
    assert len(queue.get()) == 1
    assert queue.get() is None


def test_keeps_up() -> None:
    queue = BlockQueue(1000)
    assert queue.keeps_up(0)
    queue.put(block(1), threading.current_thread())
    assert queue.keeps_up(100)
    assert not queue.keeps_up(99)
    queue.get()
    assert queue.keeps_up(0)
    queue.close()
    assert not queue.keeps_up(1000)
