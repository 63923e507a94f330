"""The whole map."""

from torch import Tensor

from posescope.capture.reductions.reduction import Reduction
from posescope.capture.reductions.registry import REDUCTIONS

__all__ = ['Whole']


@REDUCTIONS.register_module(name=['Whole', 'whole'])
class Whole(Reduction):
    """Leaves what a layer gave as it is."""

    def apply(self, maps: Tensor, places: Tensor | None = None) -> Tensor:
        """Give the same tensor."""
        return maps
