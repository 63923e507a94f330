"""What the losses and codecs of heads with one map a joint take."""

from collections.abc import Sequence
from typing import Any

import torch
from mmpose.models.heads import MSPNHead
from torch import Tensor

from posescope.errors import InputError
from posescope.models.heads.categorical_heatmap_head import CategoricalHeatmapHead
from posescope.models.heads.joint_truths import innermost_codec
from posescope.models.heads.wrapped_head import WrappedHead

__all__ = ['check_maps', 'encoded_maps', 'innermost', 'map_labels']


def innermost(head: Any) -> Any:
    """Take a head out of whatever is wrapped around it."""
    while isinstance(head, WrappedHead):
        head = head.pose_head
    return head


def check_maps(head: Any, combined: bool) -> None:
    """Refuse to be around a head that has not one heatmap a joint.

    Args:
        head: One around another.
        combined: Whether offsets beside the heatmaps do no harm.

    Raises:
        InputError: Naming both, and what would do.
    """
    inner = innermost(head)
    decoder = innermost_codec(getattr(inner, 'decoder', None))
    offsets = getattr(decoder, 'heatmap_type', '') == 'combined'
    if isinstance(inner, MSPNHead) or not hasattr(decoder, 'heatmap_size') or (offsets and not combined):
        codec = 'no codec' if decoder is None else f'codec {type(decoder).__name__}'
        codec += ' of combined maps' if offsets else ''
        raise InputError(
            f'{type(head).__name__} around {type(inner).__name__} with {codec}: '
            'it takes a head with one heatmap a joint and its codec as decoder (HeatmapHead, CPMHead, ViPNASHead, '
            'CategoricalHeatmapHead)'
        )


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
