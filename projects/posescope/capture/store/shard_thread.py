"""The thread that gathers samples into shards and writes them while the run goes on."""

import threading
from collections import defaultdict
from pathlib import Path

from numpy.typing import NDArray

from posescope.capture.store.block_queue import Block, BlockQueue
from posescope.capture.store.file_bytes import DirectWriter
from posescope.capture.store.index import index_tensors
from posescope.capture.store.manifest import shard_name
from posescope.capture.store.tensor_file import write_tensors

__all__ = ['ShardThread']


class ShardThread:
    """Writes one rank's shards.

    Knows nothing of the writer that feeds it, so that an abandoned writer can be collected.

    Args:
        folder: Of the store.
        rank: Whose shards.
        samples_per_shard: In each but the last.
        taken: Numbers of shards that are there already; gaps are filled first.
        queue_bytes: That may wait.
    """

    def __init__(self, folder: Path, rank: int, samples_per_shard: int, taken: set[int], queue_bytes: int) -> None:
        self._folder, self._rank, self._size, self._taken = folder, rank, samples_per_shard, taken
        self._queue = BlockQueue(queue_bytes)
        self._direct = DirectWriter()
        self._pending: list[Block] = []
        self._rest = True
        # A daemon: a run that never closes its writer must still be able to end.
        self._thread = threading.Thread(target=self._run, name=f'posescope-store-rank{rank}', daemon=True)
        self._thread.start()

    def put(self, block: Block) -> None:
        """Hand samples over; blocks while too many wait, and raises what the thread failed with."""
        self._queue.put(block, self._thread)

    def finish(self, rest: bool) -> None:
        """Write what waits and end the thread.

        Args:
            rest: Whether samples that do not fill a shard make a smaller one; they are dropped otherwise.

        Raises:
            BaseException: What the thread failed with.
        """
        self._rest = rest
        self._queue.close()
        self._thread.join()
        if self._queue.error is not None:
            raise self._queue.error

    def _run(self) -> None:
        try:
            while (block := self._queue.get()) is not None:
                self._gather(block)
            if self._rest and self._pending:
                self._write()
        except BaseException as error:  # whatever it is, the run must hear of it
            self._queue.fail(error)
        finally:
            self._pending = []

    def _gather(self, block: Block) -> None:
        while block:
            room = self._size - sum(len(pending) for pending in self._pending)
            now, block = block.split(room)
            self._pending.append(now)
            if len(now) == room:
                self._write()

    def _write(self) -> None:
        number = next(number for number in range(len(self._taken) + 1) if number not in self._taken)
        tensors: dict[str, list[NDArray]] = defaultdict(list)
        tensors.update(index_tensors([block.samples for block in self._pending]))
        for block in self._pending:
            for name, array in block.arrays.items():
                tensors[name].append(array)
        # Past the cache of pages a shard costs the run less time of the processor; where the disk is what everybody
        # waits for, the cache gets more out of it.
        keeps_up = self._queue.keeps_up(sum(block.nbytes for block in self._pending))
        write_tensors(self._folder / shard_name(self._rank, number), tensors, self._direct if keeps_up else None)
        self._taken.add(number)
        self._pending = []
