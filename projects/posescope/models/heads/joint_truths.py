"""Where joints truly are in the input, and how far from it a prediction may be."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmpose.codecs import UDPHeatmap
from torch import Tensor

from posescope.errors import InputError
from posescope.models.codecs.categorical_heatmap import COCO_SIGMAS, check_sigmas

__all__ = ['JointTruths', 'innermost_codec', 'joint_truths', 'places_in_input']

NEEDED = ('transformed_keypoints', 'area', 'input_scale')
"""What a sample has to bring where its codec does not tell similarity's scale."""


class JointTruths(NamedTuple):
    """Labels of K joints of B people, in pixels of the input."""

    places: Tensor
    """(B, K, 2) x and y."""
    scales: Tensor
    """(B, K) s = 2σ · √area."""
    labelled: Tensor
    """(B, K) 1 where a joint is labelled and in the input, else 0."""

    def similarity(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Compare predicted places (B, K, 2) with these.

        Returns:
            KS (B, K), exp(-d² / (2 s²)); and OKS (B,), its mean over labelled joints, 0 for a person without any.
        """
        ks = torch.exp(-((places - self.places) ** 2).sum(-1) / (2 * self.scales**2))
        return ks, (ks * self.labelled).sum(1) / self.labelled.sum(1).clamp(min=1)


def joint_truths(head: Any, samples: Sequence[Any], device: torch.device) -> JointTruths:
    """Read labels of a batch in training.

    Args:
        head: A calibrated head. A codec of it that is a ``CategoricalHeatmap`` gives places and scales in its labels.
        samples: B samples. With another codec their metainfo holds what the pipeline knew: ``transformed_keypoints``,
            ``area`` and ``input_scale``, to be named in ``meta_keys`` of ``PackPoseInputs``.
        device: Where to put them.

    Raises:
        InputError: Something of that is missing.
    """
    decoder, sigmas = head.decoder, head.sigmas
    labels = [sample.gt_instance_labels for sample in samples]
    labelled = (torch.cat([label.keypoint_weights for label in labels]) > 0).float().to(device)
    if all('keypoint_scales' in label for label in labels):
        stride = torch.as_tensor(np.asarray(decoder.stride), dtype=torch.float32, device=device)
        places, scales = (
            torch.cat([label[name] for label in labels]).float().to(device)
            for name in ('keypoint_labels', 'keypoint_scales')
        )
        return JointTruths((places + 0.5) * stride - 0.5, scales * stride[0], labelled)
    lacking = [name for name in NEEDED if name not in samples[0].metainfo]
    if lacking:
        raise InputError(
            f'a calibrated head needs {", ".join(lacking)} of each sample to compute OKS: name them in meta_keys of '
            f'PackPoseInputs in the training pipeline, meta_keys=(…, {", ".join(map(repr, NEEDED))})'
        )
    meta = [sample.metainfo for sample in samples]
    places = torch.as_tensor(np.concatenate([each['transformed_keypoints'][..., :2] for each in meta]))
    spread = 2 * np.asarray(COCO_SIGMAS if sigmas is None else sigmas)
    check_sigmas(head, spread, places.shape[1])
    areas = np.array([np.ravel(each['area'])[0] for each in meta], float)
    zooms = np.array([decoder.input_size[0] / np.ravel(each['input_scale'])[0] for each in meta], float)
    # Where nobody measured an area there is no OKS, so such a person's joints do not count.
    labelled = labelled * torch.as_tensor(areas > 0, device=device)[:, None]
    roots = zooms * np.sqrt(np.where(areas > 0, areas, 1.0))
    scales = torch.as_tensor(np.outer(roots, spread))
    return JointTruths(places.float().to(device), scales.float().to(device), labelled)


def innermost_codec(codec: Any) -> Any:
    """Take a codec out of whatever is wrapped around it."""
    while hasattr(codec, 'codec'):
        codec = codec.codec
    return codec


def places_in_input(decoder: Any, instances: Sequence[Any], device: torch.device) -> Tensor:
    """Gather what a codec decoded: (B, K, 2), x and y in pixels of the input.

    MMPose's UDP codec spreads the pixels' centres over the whole width; they are put back to 0 … width - 1.
    """
    places = np.concatenate([np.asarray(each.keypoints)[..., :2] for each in instances])
    if isinstance(innermost_codec(decoder), UDPHeatmap):
        places = places * np.subtract(decoder.input_size, 1) / decoder.input_size
    return torch.as_tensor(places, dtype=torch.float32, device=device)
