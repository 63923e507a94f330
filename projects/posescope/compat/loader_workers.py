"""The end of a data loader's persistent workers, for which torch has no function."""

from typing import Any

from torch.utils.data import DataLoader

__all__ = ['end_workers']


def end_workers(loader: Any, endless: Any = None) -> None:
    """Let the persistent workers of a loader go; whoever goes on with it starts new ones.

    A runner is part of reference cycles. Left to the garbage collector, the queues of its workers may go before the
    workers do, and each is then waited for for five seconds.

    Args:
        loader: torch's; anything else is left as it is.
        endless: The iterator over it of MMEngine's loops over iterations, if there is one.
    """
    if not isinstance(loader, DataLoader):
        return
    loader._iterator = None
    if endless is not None:
        endless._iterator = iter(())  # at its end it begins the next epoch
