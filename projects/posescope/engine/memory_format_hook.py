"""Lay a model's weights out channels-last, which is how convolutions are fast on a CPU and on recent GPUs."""

from typing import Any

import torch
from mmengine.hooks import Hook
from mmpose.registry import HOOKS


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Convert the model to ``torch.channels_last`` before it runs.

    Convolutions pass the layout on to their outputs. Values, names and checkpoints stay the same; the last bits of sums
    do not. It comes before the hooks that keep copies of the weights.
    """

    priority = 'VERY_HIGH'

    def before_run(self, runner: Any) -> None:
        """Convert every weight of four dimensions in place."""
        runner.model.to(memory_format=torch.channels_last)
