"""Several losses on the same maps."""

from collections.abc import Sequence
from typing import Any

from mmengine.model import ModuleList
from mmpose.registry import MODELS
from torch import Tensor, nn

from posescope.errors import InputError
from posescope.models.layers.weights_inside import take_weights_of

__all__ = ['SumOfLosses']


@MODELS.register_module()
class SumOfLosses(nn.Module):
    """The sum of losses that take the same maps and labels; each has its own ``loss_weight``.

    A head takes one loss. This puts one beside it that was made for a reason of its own. A checkpoint of the first loss
    alone fits.

    Args:
        losses: Their configs.

    Raises:
        InputError: There is none.
    """

    def __init__(self, losses: Sequence[dict[str, Any]]) -> None:
        super().__init__()
        if not losses:
            raise InputError('SumOfLosses losses=[]: name at least one')
        self.losses = ModuleList(MODELS.build(loss) for loss in losses)
        take_weights_of(self, 'losses.0')

    def forward(self, maps: Tensor, *labels: Tensor) -> Tensor:
        """Add what each makes of maps (B, K, H, W) and their labels."""
        first, *others = (loss(maps, *labels) for loss in self.losses)
        for each in others:
            first = first + each
        return first
