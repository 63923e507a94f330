"""Batches that become smaller where memory ends."""

import warnings
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

from posescope.errors import InputError

__all__ = ['halving', 'in_batches', 'ran_out_of_memory']

_SAID_BY = ("can't allocate memory", 'out of memory', 'ALLOC_FAILED')
"""What PyTorch's allocators and the libraries below them say, of which not all raise a type of their own."""
T = TypeVar('T')


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an exception, or the one that it was raised from, says that memory is full."""
    for found in (error, error.__cause__):
        if isinstance(found, torch.cuda.OutOfMemoryError | MemoryError):
            return True
        if isinstance(found, RuntimeError) and any(text in str(found) for text in _SAID_BY):
            return True
    return False


def halving(run: Callable[[int], T], batch_size: int, what: str) -> tuple[T, int]:
    """Run with a batch size, and again with half of it each time that memory does not suffice.

    Args:
        run: Takes the batch size, on which its result does not depend.
        batch_size: The first.
        what: What runs, for messages.

    Returns:
        What it gave, and the batch size that it did so with.

    Raises:
        InputError: Memory does not suffice for a single crop.
    """
    while True:
        try:
            return run(batch_size), batch_size
        except Exception as error:
            if not ran_out_of_memory(error):
                raise
            if batch_size == 1:
                raise InputError(f'{what}: memory does not suffice for a single crop at a time') from error
        # Outside of ``except``: the exception holds on to what filled the memory.
        batch_size = max(1, batch_size // 2)
        warnings.warn(f'{what}: memory is full; going on with batches of {batch_size}', stacklevel=3)


def in_batches(run: Callable[[slice], T], count: int, batch_size: int, what: str) -> Iterator[tuple[slice, T]]:
    """Run batch after batch; where memory does not suffice for one, it and those that follow are halved.

    Args:
        run: Takes rows, and leaves nothing behind that a second attempt at the same rows would meet.
        count: Of all rows.
        batch_size: Most rows at once.
        what: What runs, for messages.

    Yields:
        Rows, one after another, and what ``run`` gave for them.

    Raises:
        InputError: ``batch_size`` is below 1, or memory does not suffice for a single row.
    """
    if batch_size < 1:
        raise InputError(f'{what}: batch_size={batch_size}: at least one crop has to fit into a forward pass')
    start = 0

    def attempt(size: int) -> tuple[slice, T]:
        rows = slice(start, start + size)
        return rows, run(rows)

    while start < count:
        wanted = min(batch_size, count - start)
        found, size = halving(attempt, wanted, what)
        if size < wanted:
            batch_size = size
        yield found
        start += size
