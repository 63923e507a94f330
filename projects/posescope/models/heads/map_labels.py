"""What the losses and codecs of heads with one map a joint take."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from posescope.models.heads.categorical_heatmap_head import CategoricalHeatmapHead
from posescope.models.heads.wrapped_head import WrappedHead

__all__ = ['encoded_maps', 'innermost', 'map_labels']


def innermost(head: Any) -> Any:
    """Take a head out of whatever is wrapped around it."""
    while isinstance(head, WrappedHead):
        head = head.pose_head
    return head


def map_labels(head: Any, samples: Sequence[Any], device: torch.device) -> tuple[Tensor, ...]:
    """Gather what a head's loss takes beside the maps.

    Args:
        head: A ``HeatmapHead``, a ``CategoricalHeatmapHead``, or one around them.
        samples: B samples with labels.
        device: Where to put them.

    Returns:
        Target maps (B, K, H, W) and weights (B, K); of a categorical head places (B, K, 2), scales (B, K) and weights.
    """
    labels = [sample.gt_instance_labels for sample in samples]
    weights = torch.cat([label.keypoint_weights for label in labels]).to(device)
    if isinstance(innermost(head), CategoricalHeatmapHead):
        places, scales = (
            torch.cat([label[name] for label in labels]).to(device) for name in ('keypoint_labels', 'keypoint_scales')
        )
        return places, scales, weights
    return torch.stack([sample.gt_fields.heatmaps for sample in samples]).to(device), weights


def encoded_maps(head: Any, maps: Tensor) -> Tensor:
    """Turn what a head's forward gives into what its ``decode`` takes: probabilities of a categorical head's logits."""
    maps = maps.float()
    if isinstance(innermost(head), CategoricalHeatmapHead):
        return maps.flatten(2).softmax(-1).view_as(maps)
    return maps
