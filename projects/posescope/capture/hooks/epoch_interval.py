"""Hooks that look at a model every few epochs of a training."""

from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner

from posescope.errors import InputError

__all__ = ['check_interval']


def check_interval(hook: Hook, interval: int, runner: Runner) -> None:
    """Refuse a training that has no epochs, or no validation data to look at.

    Args:
        hook: Whose option it is.
        interval: Epochs between two looks.
        runner: Of the training.

    Raises:
        InputError: Naming the hook and what to change.
    """
    asked = f'{type(hook).__name__}: interval={interval}'
    if isinstance(runner.train_loop, IterBasedTrainLoop):
        raise InputError(f'{asked} counts epochs, but train_cfg counts iterations: train by_epoch, or leave it out')
    if runner.val_loop is None:
        raise InputError(f'{asked} takes its people from val_dataloader: set it')
