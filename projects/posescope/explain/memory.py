"""Batches that become smaller where memory ends."""

import warnings
from collections.abc import Callable
from typing import TypeVar

import torch

from posescope.errors import InputError

__all__ = ['halving', 'ran_out_of_memory']

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
