"""The logarithm of a distribution."""

from collections.abc import Mapping
from typing import ClassVar

from mmpose.models.losses import KLDiscretLoss
from torch import Tensor

from posescope.explain.outputs import Outputs
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.placed import PlacedTarget, at_cells

__all__ = ['LogProbability']


class LogProbability(PlacedTarget):
    """The log-softmax at the fixed place: over all cells of the joint's map, or log p_x + log p_y over SimCC's bins.

    Unlike the value it also falls where evidence for another place grows. Maps trained with a squared error are no
    logits: their softmax is flat, so most of what this measures on them is the value.

    Args:
        beta: Factor before the softmax; None for 1, and for SimCC that of the head's own ``KLDiscretLoss``, under which
            the softmax is the distribution that was trained.
    """

    name: ClassVar[str] = 'log_probability'
    kinds: ClassVar[tuple[str, ...]] = ('heatmap', 'simcc')

    def __init__(self, beta: float | None = None) -> None:
        self.beta = beta

    def evidence(self, function: PoseFunction, outputs: Outputs, cells: Tensor, fixed: Mapping[str, Tensor]) -> Tensor:
        """Take the log-softmax and read it."""
        beta = self.beta
        if function.kind == 'simcc':
            assert outputs.simcc_x is not None
            assert outputs.simcc_y is not None
            loss = getattr(function.readout.head, 'loss_module', None)
            if beta is None:
                beta = float(loss.beta) if isinstance(loss, KLDiscretLoss) else 1.0
            along_x, along_y = ((beta * scores).log_softmax(2) for scores in (outputs.simcc_x, outputs.simcc_y))
            x, y = cells.unbind(-1)
            return along_x.gather(2, x[..., None])[..., 0] + along_y.gather(2, y[..., None])[..., 0]
        assert outputs.heatmap is not None
        logits = outputs.heatmap if beta is None else beta * outputs.heatmap
        return at_cells(logits.flatten(2).log_softmax(2).view_as(logits), cells)
