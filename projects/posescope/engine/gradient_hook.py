"""Gradients that were accumulated but not yet used are part of where a run stopped."""

from typing import Any

from mmengine.hooks import Hook
from mmpose.registry import HOOKS

_KEY = 'accumulated_gradients'


@HOOKS.register_module()
class AccumulatedGradientHook(Hook):
    """Keeps the gradients of ``optim_wrapper.accumulative_counts`` > 1 in the checkpoint.

    The optimiser clears them after every update, so there are none to keep unless a checkpoint falls between two
    updates. Of several processes only the first one's are kept.
    """

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Add pending gradients."""
        pending = {name: p.grad.cpu() for name, p in runner.model.named_parameters() if p.grad is not None}
        if pending and 'optimizer' in checkpoint:
            checkpoint[_KEY] = pending

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Put them back where a run is resumed."""
        if not runner._resume:
            return
        for name, parameter in runner.model.named_parameters():
            if name in checkpoint.get(_KEY, {}):
                parameter.grad = checkpoint[_KEY][name].to(parameter)
