"""A loss in which some joints count for more than others."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmpose.registry import MODELS
from numpy.typing import ArrayLike
from torch import Tensor, nn

from posescope.errors import InputError
from posescope.models.layers.weights_inside import take_weights_of
from posescope.models.losses.diagnosed_weights import headroom_weights, permuted, read_headroom

__all__ = ['JointWeightedLoss']


@MODELS.register_module()
class JointWeightedLoss(nn.Module):
    """Another loss, whose target weights are multiplied by a weight for each joint.

    Weights come from a diagnosis of the model that is to be changed: (1 - strength) + strength · headroom / mean
    headroom, where a joint's headroom is the AP that correcting its errors alone would gain. The reason: a loss spends
    its gradient on all joints alike, and AP does not have the same to gain at each. The mean weight is 1, so the
    loss as a whole weighs what it did. A checkpoint of the loss alone fits.

    The file is read when the loss is first computed, so that a model can be tested where it is not.

    Args:
        loss: Config of the loss; the last of its labels has to be target weights, (B, K) or (B, K, 1).
        diagnosis: A ``diagnosis.json`` of the model's joints, in its order; None for ``weights``.
        weights: (K,) to use as they are; None for ``diagnosis``, or for all 1 until :meth:`set_joint_weights`.
        kinds: Kinds of error that count as headroom; None for all of them.
        strength: 0 (all weigh 1) to 1 (weights proportional to headroom).
        permute: A seed with which the weights are dealt to other joints, as a placebo; None to leave them.

    Raises:
        InputError: Both ``diagnosis`` and ``weights`` are given, or the loss reads no target weights.
    """

    def __init__(
        self,
        loss: dict[str, Any],
        diagnosis: str | None = None,
        weights: Sequence[float] | None = None,
        kinds: Sequence[str] | None = None,
        strength: float = 0.5,
        permute: int | None = None,
    ) -> None:
        super().__init__()
        if diagnosis is not None and weights is not None:
            raise InputError('JointWeightedLoss takes diagnosis or weights, not both')
        self.loss = MODELS.build(loss)
        take_weights_of(self, 'loss')
        for inner in self.loss.modules():
            if getattr(inner, 'use_target_weight', True) is False:
                raise InputError(
                    f'JointWeightedLoss around {type(inner).__name__}(use_target_weight=False), which reads no '
                    'weights: say use_target_weight=True'
                )
        self.diagnosis = None if diagnosis is None else Path(diagnosis)
        self.kinds, self.strength, self.permute = kinds, strength, permute
        # No buffer: what the config says is not for a checkpoint to overrule, and hooks that average weights copy
        # buffers, whose size is not known before the diagnosis is read.
        self.joint_weights = torch.ones(0)
        if weights is not None:
            self.set_joint_weights(weights)

    def set_joint_weights(self, weights: ArrayLike) -> None:
        """Use other weights from now on.

        Args:
            weights: (K,) finite and not negative; dealt anew if ``permute`` says so.

        Raises:
            InputError: They are not.
        """
        values = np.asarray(weights, np.float64)
        if values.ndim != 1 or not (np.isfinite(values) & (values >= 0)).all():
            raise InputError(f'JointWeightedLoss weights={values.tolist()}: give one finite number ≥ 0 for each joint')
        dealt = values if self.permute is None else permuted(values, self.permute)
        self.joint_weights = torch.as_tensor(dealt, dtype=torch.float32)
        self.diagnosis = None

    def forward(self, maps: Tensor, *labels: Tensor) -> Tensor:
        """Compute the loss of what a head gives, (B, K, …); the last of its labels is target weights (B, K, …)."""
        if self.diagnosis is not None:
            headroom = read_headroom(self.diagnosis, self.kinds)
            self.set_joint_weights(headroom_weights(list(headroom.values()), self.strength))
        *others, target_weights = labels
        if len(self.joint_weights) not in (0, target_weights.shape[1]):
            raise InputError(
                f'JointWeightedLoss has {len(self.joint_weights)} weights, and the model {target_weights.shape[1]} '
                'joints: take the diagnosis of a model of this skeleton'
            )
        if len(self.joint_weights):
            of_joints = self.joint_weights.to(target_weights)
            target_weights = target_weights * of_joints.view(1, -1, *[1] * (target_weights.ndim - 2))
        value: Tensor = self.loss(maps, *others, target_weights)
        return value
