"""The same network before it learned anything."""

from collections.abc import Iterable

import torch
from mmengine.config import Config
from torch import Tensor, nn

from posescope.explain.pose_function import PoseFunction

__all__ = ['settle_norms', 'untrained_function']


def untrained_function(
    config: Config, seed: int = 0, inputs: Iterable[Tensor] = (), device: str | torch.device | None = None
) -> PoseFunction:
    """Build the model of a config with the weights that it starts from, without pretrained ones.

    Args:
        config: A top-down config.
        seed: Of the weights; the global generators are left alone.
        inputs: Batches of crops that its batch norms see, see :func:`settle_norms`; none leaves them as they are made.
        device: Where the model goes; None for the first accelerator, or the CPU without one.

    Raises:
        InputError: The config is no top-down model's.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        function = PoseFunction.from_config(config, None, device)
    settle_norms(function, inputs)
    return function


@torch.no_grad()
def settle_norms(function: PoseFunction, inputs: Iterable[Tensor]) -> None:
    """Let the batch norms of an untrained network learn means and variances, and nothing else.

    A trained network's norms have seen pictures. Without that, maps of a deep network that was never trained hold
    little but a mean that grows from block to block, which would make it a baseline that is easily beaten.

    Args:
        function: The model, which is changed.
        inputs: Batches (B, 3, H, W), gone through once; with none, nothing happens.
    """
    modules = [module for module in function.model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    norms = [module for module in modules if module.track_running_stats]
    before = [(norm, norm.momentum) for norm in norms]
    fresh = True
    try:
        for batch in inputs:
            for norm in norms if fresh else ():
                norm.reset_running_stats()
                norm.momentum = None  # the mean over all batches
                norm.train()
            fresh = False
            function(batch.to(function.device))
    finally:
        for norm, momentum in before:
            norm.momentum = momentum
            norm.eval()
