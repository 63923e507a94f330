"""Labels of joints, whichever kind of heatmap head asks for a loss."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from posescope.errors import InputError
from posescope.models.codecs.categorical_heatmap import COCO_SIGMAS, check_sigmas
from posescope.models.layers.cells import gaussian_rows, product_of_rows
from posescope.models.layers.gaussian_places import gaussian_places

__all__ = [
    'COCO_FLIP_INDICES', 'JointLabels', 'categorical_labels', 'probabilities', 'read_labels', 'similarity_to',
    'typical_scales',
]  # fmt: skip

COCO_FLIP_INDICES = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
"""Counterpart of each of COCO's joints on the other side."""


class JointLabels(NamedTuple):
    """Labels of K joints of B people, in cells of the maps."""

    places: Tensor
    """(B, K, 2) x and y."""
    scales: Tensor
    """(B, K) s = 2σ · √area, the distance at which a joint's similarity has fallen to exp(-½)."""
    weights: Tensor
    """(B, K) 0 where a joint does not count."""


def typical_scales(person_size: float | None, sigmas: Sequence[float] | None) -> Tensor | None:
    """Scales s of a person of typical size, (K,) in cells.

    Args:
        person_size: Root of the person's area, cells; None if areas come with the labels.
        sigmas: Spread of each joint as in OKS; None for those of COCO's 17 joints.
    """
    if person_size is None:
        return None
    return 2 * person_size * torch.tensor(COCO_SIGMAS if sigmas is None else tuple(sigmas))


def read_labels(labels: Sequence[Tensor], scales: Tensor | None, loss: Any) -> JointLabels:
    """Name the labels that a head gives to its loss.

    Args:
        labels: Places, scales and weights, from a ``CategoricalHeatmapHead``; or target maps and weights, from MMPose's
            ``HeatmapHead``, whose Gaussians tell the places and nobody the areas.
        scales: (K,) as of :func:`typical_scales`, for the second kind.
        loss: Whose labels these are, for the message.

    Raises:
        InputError: Scales are needed and missing.
    """
    if len(labels) == 3:
        return JointLabels(*labels)
    targets, weights = labels
    if scales is None:
        raise InputError(
            f'{type(loss).__name__} person_size=None: with {targets.shape[1]} target maps, from which no area can be '
            "read, give the root of a typical person's area in cells of the map"
        )
    check_sigmas(loss, scales, targets.shape[1])
    return JointLabels(gaussian_places(targets.float()), scales.to(targets).expand(len(targets), -1), weights)


def categorical_labels(loss: Any, labels: Sequence[Tensor]) -> JointLabels:
    """Name the labels that a ``CategoricalHeatmapHead`` gives to its loss.

    Raises:
        InputError: Another head gave them.
    """
    if len(labels) != 3:
        raise InputError(
            f"{type(loss).__name__} is a loss of type='CategoricalHeatmapHead', whose labels are places and scales; "
            "another heatmap head takes type='OKSHeatmapLoss' with person_size=…"
        )
    return JointLabels(*labels)


def probabilities(maps: Tensor, beta: float) -> Tensor:
    """Softmax of ``beta`` times maps (B, K, H, W) over their cells, (B, K, H · W)."""
    return (beta * maps.float()).flatten(2).softmax(-1)


def similarity_to(places: Tensor, scales: Tensor, height: int, width: int) -> Tensor:
    """KS of every cell to places (B, K, 2) with scales (B, K): (B, K, H · W)."""
    across, down = gaussian_rows(places[..., 0], scales, width), gaussian_rows(places[..., 1], scales, height)
    return product_of_rows(across, down).flatten(2)
