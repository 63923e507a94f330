"""Keep a joint's mass away from where its counterpart on the other side is."""

from collections.abc import Sequence

import numpy as np
import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from posescope.errors import InputError
from posescope.models.losses.joint_labels import (
    COCO_FLIP_INDICES,
    probabilities,
    read_labels,
    similarity_to,
    typical_scales,
)

__all__ = ['InversionMarginLoss']


@MODELS.register_module()
class InversionMarginLoss(nn.Module):
    """A hinge between a joint's mass at its own place and at its mirror joint's.

    The reason: an inversion (M. Ronchi and P. Perona, ICCV 2017), a left joint where the right one is, costs a map's
    usual loss as much as any other cell that is as wrong, but people and AP more than a miss nearby. With p the map's
    softmax, m = Σ p · KS to the own place, m' = Σ p · KS to the mirror joint's, and o the KS of the two places to each
    other, a pair of labelled joints costs

        max(0, margin · (1 - o) - (m - m')).

    A map that has all its mass at the own place costs nothing, since then m - m' = 1 - o; one that has it at the
    mirror joint's place costs (1 + margin) · (1 - o). Where both places are one (o = 1) nothing can be asked. Joints
    without a counterpart do not count.

    It stands beside a loss that finds the joint, see :class:`SumOfLosses`, and takes the labels of a
    ``CategoricalHeatmapHead`` or of MMPose's ``HeatmapHead``.

    Args:
        margin: By how much the own mass should lead, 0 to 1.
        beta: Factor of the map before softmax: 1 for logits, about 20 for heatmaps that peak at 1.
        flip_indices: For each joint, the index of its mirror joint; None for COCO's 17 joints.
        person_size: Root of a typical person's area in cells of the map, where labels are target maps.
        sigmas: Spread of each joint as in OKS, likewise; None for those of COCO's 17 joints.
        loss_weight: Factor of the loss.
        permute: A seed with which pairs deal their mirror joints anew, as a placebo: a left wrist's mass is kept away
            from the right knee, say, and never from the right wrist. None to leave them.

    Raises:
        InputError: There are too few pairs to deal them anew.
    """

    def __init__(
        self,
        margin: float = 0.5,
        beta: float = 1.0,
        flip_indices: Sequence[int] | None = None,
        person_size: float | None = None,
        sigmas: Sequence[float] | None = None,
        loss_weight: float = 1.0,
        permute: int | None = None,
    ) -> None:
        super().__init__()
        self.margin = margin
        self.beta = beta
        indices = list(COCO_FLIP_INDICES if flip_indices is None else flip_indices)
        self.flip_indices = indices if permute is None else _dealt(indices, permute)
        self.scales = typical_scales(person_size, sigmas)
        self.loss_weight = loss_weight

    def forward(self, maps: Tensor, *labels: Tensor) -> Tensor:
        """Average over the joints that count: those that are labelled, as their mirror joint is.

        Args:
            maps: (B, K, H, W).
            labels: Places (B, K, 2), scales (B, K) and weights (B, K); or target maps (B, K, H, W) and weights.

        Returns:
            A number from 0 to ``loss_weight * (1 + margin)``; 0 if no joint counts.
        """
        places, scales, weights = read_labels(labels, self.scales, self)
        if len(self.flip_indices) != places.shape[1]:
            raise InputError(
                f'InversionMarginLoss has flip_indices of {len(self.flip_indices)} joints, and there are '
                f'{places.shape[1]}: give flip_indices=… of this skeleton, for each joint its mirror joint'
            )
        scales = scales.clamp(min=1e-6)  # of a person without an area
        mirrored = places[:, self.flip_indices]
        p = probabilities(maps, self.beta)
        size = int(maps.shape[2]), int(maps.shape[3])
        lead = (p * (similarity_to(places, scales, *size) - similarity_to(mirrored, scales, *size))).sum(-1)
        apart = 1 - torch.exp(-((places - mirrored) ** 2).sum(-1) / (2 * scales**2))
        own = torch.arange(len(self.flip_indices), device=maps.device)
        paired = own != torch.tensor(self.flip_indices, device=maps.device)
        counted = weights * weights[:, self.flip_indices] * paired
        cost = (self.margin * apart - lead).clamp(min=0)
        return self.loss_weight * (cost * counted).sum() / counted.sum().clamp(min=1)


def _dealt(flip_indices: list[int], seed: int) -> list[int]:
    """Give every joint of a pair the counterpart of another pair; both joints of a pair get those of the same one."""
    pairs = [(joint, mirror) for joint, mirror in enumerate(flip_indices) if joint < mirror]
    if len(pairs) < 2:
        raise InputError(f'InversionMarginLoss permute={seed}: with {len(pairs)} pair of joints there is no other')
    generator, places = np.random.default_rng(seed), np.arange(len(pairs))
    order = places
    while (order == places).any():
        order = generator.permutation(places)
    dealt = list(flip_indices)
    for (left, right), other in zip(pairs, order, strict=True):
        dealt[left], dealt[right] = pairs[other][1], pairs[other][0]
    return dealt
