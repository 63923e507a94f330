"""Stops a training whose loss is no longer a number."""

from typing import Any

import torch
from mmengine.hooks import Hook
from mmpose.registry import HOOKS

from posescope.engine.checkpoint_hook import last_good
from posescope.errors import TrainingDivergedError


@HOOKS.register_module()
class DivergenceHook(Hook):
    """Raises :class:`TrainingDivergedError` at the first loss that is not finite, before a checkpoint can be written.

    The host reads every loss of every step for its log, so looking at it costs no further synchronisation with a GPU.
    """

    priority = 'VERY_HIGH'

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Check all losses of the step."""
        for name, value in (outputs or {}).items():
            if 'loss' in name and not torch.isfinite(torch.as_tensor(value)).all():
                raise TrainingDivergedError(
                    f'{name} is {float(torch.as_tensor(value).sum())} at iteration {runner.iter + 1} '
                    f'(epoch {runner.epoch + 1}); {last_good(runner.work_dir)}'
                )
