"""Puts the weights that validation and checkpoints see into a model, for a look at it during a training."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from mmengine.hooks import EMAHook

__all__ = ['averaged_weights']


@contextmanager
def averaged_weights(runner: Any) -> Iterator[bool]:
    """While entered, the model of a training holds the moving average of its weights.

    Where :class:`mmengine.hooks.EMAHook` runs, as in every RTMPose config, validation and checkpoints hold this
    average, so a hook that looks at the model between epochs should look at it as well. Leaving puts the learnt
    weights back, to the bit, also after an exception. Without an average, or before its first step, nothing is
    changed: until then MMEngine's copy may hold weights from before their initialization.

    Validation enters the average by itself: do not enter this there, which would take it out again.

    Args:
        runner: The runner of the training.

    Yields:
        Whether the model holds an average.
    """
    hooks = [hook for hook in runner.hooks if isinstance(hook, EMAHook) and _has_begun(hook)]
    with ExitStack() as stack:
        for hook in hooks:
            hook._swap_ema_parameters()
            stack.callback(hook._swap_ema_parameters)
        yield bool(hooks)


def _has_begun(hook: EMAHook) -> bool:
    """Whether an average was taken at least once."""
    average = getattr(hook, 'ema_model', None)
    return average is not None and int(average.steps) > 0
