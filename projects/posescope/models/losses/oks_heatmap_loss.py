"""What is lost of a person's OKS."""

from collections.abc import Sequence

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from posescope.errors import InputError, nearest
from posescope.models.losses.joint_labels import probabilities, read_labels, similarity_to, typical_scales

__all__ = ['OKSHeatmapLoss']

READINGS = ('place', 'map')


@MODELS.register_module()
class OKSHeatmapLoss(nn.Module):
    """1 - OKS of people as their heatmaps stand, averaged over people.

    OKS is the mean over a person's labelled joints of KS = exp(-d² / (2 s²)), s = 2σ · √area
    (https://cocodataset.org/#keypoints-eval). The reason for it: a distance counts relative to σ and area here, as it
    does in AP, where the usual losses count cells; and people count alike, however many of their joints are labelled
    (:class:`ExpectedOKSLoss` lets joints count alike). With p the softmax of ``beta`` times the map, a joint is read as

    - ``'place'``: KS of the mean place Σ p · cell (soft-argmax; X. Sun et al., Integral Human Pose Regression, ECCV
      2018);
    - ``'map'``: the mean of KS, Σ p · KS(cell), of which two far peaks cannot make a place between them.

    Far from the label both are flat, so they refine and need another loss that finds; ``widen`` lets them see farther.

    Args:
        reading: ``'place'`` or ``'map'``.
        beta: Factor of the map before softmax: 1 for logits, about 20 for heatmaps that peak at 1.
        widen: Factor of s.
        person_size: Root of a typical person's area in cells of the map, where labels are target maps.
        sigmas: Spread of each joint as in OKS, likewise; None for those of COCO's 17 joints.
        loss_weight: Factor of the loss.
        permute: Whether people's numbers of joints are dealt to others, as a placebo: what a person loses is divided by
            how many joints the one before it in the batch has, so that joints weigh unevenly, and people do too.

    Raises:
        InputError: ``reading`` is unknown.
    """

    def __init__(
        self,
        reading: str = 'place',
        beta: float = 1.0,
        widen: float = 1.0,
        person_size: float | None = None,
        sigmas: Sequence[float] | None = None,
        loss_weight: float = 1.0,
        permute: bool = False,
    ) -> None:
        super().__init__()
        if reading not in READINGS:
            raise InputError(
                f"OKSHeatmapLoss reading={reading!r}: choose 'place' or 'map' "
                f'(nearest: {nearest(reading, READINGS, 1)})'
            )
        self.reading = reading
        self.beta = beta
        self.widen = widen
        self.scales = typical_scales(person_size, sigmas)
        self.loss_weight = loss_weight
        self.permute = permute

    def forward(self, maps: Tensor, *labels: Tensor) -> Tensor:
        """Average over the people who have a joint that counts.

        Args:
            maps: (B, K, H, W).
            labels: Places (B, K, 2), scales (B, K) and weights (B, K); or target maps (B, K, H, W) and weights.

        Returns:
            A number from 0 to ``loss_weight``, with ``permute`` also above; 0 if nobody has one.
        """
        places, scales, weights = read_labels(labels, self.scales, self)
        p, height, width = probabilities(maps, self.beta), int(maps.shape[2]), int(maps.shape[3])
        wide = scales * self.widen
        if self.reading == 'map':
            similarity = (p * similarity_to(places, wide, height, width)).sum(-1)
        else:
            squared = ((_mean_cells(p.unflatten(-1, (height, width))) - places) ** 2).sum(-1)
            similarity = torch.exp(-squared / (2 * wide**2))
        joints = weights.sum(1)
        counted = joints > 0
        if self.permute:
            joints = joints.masked_scatter(counted, joints[counted].roll(1))
        lost = ((1 - similarity) * weights).sum(1) / joints.clamp(min=1e-6)
        return self.loss_weight * (lost * counted).sum() / counted.sum().clamp(min=1)


def _mean_cells(maps: Tensor) -> Tensor:
    """Mean x and y (B, K, 2) of maps (B, K, H, W) that sum to one."""
    rows, columns = (torch.arange(n, dtype=maps.dtype, device=maps.device) for n in maps.shape[-2:])
    return torch.stack([(maps.sum(-2) * columns).sum(-1), (maps.sum(-1) * rows).sum(-1)], -1)
