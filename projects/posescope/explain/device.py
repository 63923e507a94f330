"""Where a model runs."""

import torch
from mmengine.device import get_device

from posescope.errors import InputError

__all__ = ['find_device']


def find_device(wanted: str | torch.device | None = None) -> torch.device:
    """Find a device.

    Args:
        wanted: Its name; None for the first accelerator, or the CPU without one.

    Raises:
        InputError: There is no such device here; the message names those that there are.
    """
    try:
        found = torch.device(wanted or get_device())
        torch.zeros(1, device=found)  # what is not there tells only when it is used
    except (RuntimeError, AssertionError, ImportError) as error:
        there = ['cpu', *(f'cuda:{number}' for number in range(torch.cuda.device_count()))]
        if torch.backends.mps.is_available():
            there.append('mps')
        raise InputError(f"device '{wanted}' cannot be used (here there are: {', '.join(there)})") from error
    return found
