"""Samples on their way from the run to the disk."""

import threading
from collections import deque
from dataclasses import dataclass

from numpy.typing import NDArray

from posescope.capture.store.index import SampleIndex

__all__ = ['Block', 'BlockQueue']


@dataclass
class Block:
    """Some samples with their rows.

    Attributes:
        samples: N.
        arrays: Name of the shard's tensor → (N, ...), contiguous.
    """

    samples: SampleIndex
    arrays: dict[str, NDArray]

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def nbytes(self) -> int:
        """Of all rows."""
        return sum(array.nbytes for array in self.arrays.values())

    def split(self, count: int) -> tuple['Block', 'Block']:
        """Give the first ``count`` rows and the others; nothing is copied."""
        return (
            Block(self.samples.take(slice(count)), {name: array[:count] for name, array in self.arrays.items()}),
            Block(self.samples.take(slice(count, None)), {name: array[count:] for name, array in self.arrays.items()}),
        )


class BlockQueue:
    """Between one that puts and one that takes, bounded in bytes; an error of the taker reaches the putter.

    Args:
        limit: Bytes that may wait. A larger block is let in when nothing else waits.
    """

    def __init__(self, limit: int) -> None:
        self.error: BaseException | None = None
        self._limit = limit
        self._waiting: deque[Block] = deque()
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, block: Block, taker: threading.Thread) -> None:
        """Add a block, once there is room.

        Raises:
            BaseException: The taker's error.
            RuntimeError: The taker does not live, as in a process that was forked from the writer's.
        """
        with self._changed:
            while self.error is None and self._bytes and self._bytes + block.nbytes > self._limit and taker.is_alive():
                self._changed.wait(1)
            if self.error is not None:
                raise self.error
            if not taker.is_alive():
                raise RuntimeError('the thread that writes has ended')
            self._waiting.append(block)
            self._bytes += block.nbytes
            self._changed.notify_all()

    def get(self) -> Block | None:
        """Take a block, once there is one; None when the queue is closed and empty."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if not self._waiting:
                return None
            block = self._waiting.popleft()
            self._bytes -= block.nbytes
            self._changed.notify_all()
            return block

    def keeps_up(self, count: int) -> bool:
        """Whether the taker is not behind: no more than so many bytes wait, and nobody waits for the end."""
        return self._bytes <= count and not self._closed

    def close(self) -> None:
        """No more blocks come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """No more blocks are taken."""
        with self._changed:
            self.error = error
            self._waiting.clear()
            self._bytes = 0
            self._changed.notify_all()
