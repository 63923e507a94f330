"""Worker processes of data loaders, and their end."""

from typing import Any

from mmengine.runner import BaseLoop
from torch.utils.data import DataLoader

from posescope.engine.resume import AdvancedIterator

__all__ = ['end_workers']


def end_workers(*loops: object) -> None:
    """Let the persistent workers of loops go; whoever goes on with a loop starts new ones.

    A runner is part of reference cycles. Left to the garbage collector, the queues of its workers may go before the
    workers do, and each is then waited for for five seconds.

    Args:
        loops: MMEngine's, whose loaders are torch's; anything else is left as it is.
    """
    for loop in loops:
        if isinstance(loop, BaseLoop) and isinstance(loop.dataloader, DataLoader):
            loop.dataloader._iterator = None
            endless: Any = getattr(loop, 'dataloader_iterator', None)  # of loops over iterations
            if isinstance(endless, AdvancedIterator):
                endless = endless.iterator
            if endless is not None:
                endless._iterator = iter(())  # at its end it begins the next epoch
