"""The channels of a layer for many people, a batch at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posescope.capture.taps import Taps
from posescope.errors import InputError
from posescope.explain.attribution.method import channels_last
from posescope.explain.attribution.spatial_layer import SpatialLayer
from posescope.explain.memory import in_batches
from posescope.explain.pose_function import PoseFunction

__all__ = ['ChannelMoments', 'channel_maps', 'channel_moments', 'check_channels']


@dataclass(frozen=True)
class ChannelMoments:
    """Of C channels, over the cells of each person's map.

    Attributes:
        mean: (N, C) float64.
        square: (N, C) mean of squares.
    """

    mean: NDArray[np.float64]
    square: NDArray[np.float64]


def channel_maps(
    function: PoseFunction, inputs: Tensor, layer: SpatialLayer, batch_size: int = 16
) -> Iterator[tuple[slice, Tensor]]:
    """Run people and read a layer. The model must not be run by others before the last batch was given.

    Args:
        function: The model.
        inputs: (N, 3, H, W).
        layer: Of :func:`posescope.explain.attribution.spatial_layer.find_spatial_layer`.
        batch_size: Most crops in a forward pass.

    Yields:
        Which people, and their maps (B, C, h, w) float32.
    """
    kept: list[Tensor] = []
    taps = Taps(
        function.model, [layer.name], receive=lambda output: kept.append(layer.maps(output.tensor).float().clone())
    )

    def run(some: slice) -> Tensor:
        kept.clear()
        taps.clear()
        with torch.no_grad():
            function(channels_last(inputs[some]))
        taps.finish(1)
        return kept[0]

    with taps:
        yield from in_batches(run, len(inputs), batch_size, f'reading {layer.name}')


def channel_moments(
    function: PoseFunction, inputs: Tensor, layer: SpatialLayer, batch_size: int = 16
) -> ChannelMoments:
    """Average channels and their squares over the cells of each of N people."""
    means, squares = [], []
    for _, maps in channel_maps(function, inputs, layer, batch_size):
        means.append(maps.double().mean((2, 3)).cpu().numpy())
        squares.append(maps.double().square().mean((2, 3)).cpu().numpy())
    return ChannelMoments(np.concatenate(means), np.concatenate(squares))


def check_channels(channels: list[int], count: int, layer: str) -> None:
    """Refuse channels that a layer does not have, and none or repeated ones.

    Raises:
        InputError: With what there is.
    """
    if not channels or len(set(channels)) != len(channels):
        raise InputError(f"channels={channels} of layer '{layer}': name one or more, each once")
    for channel in channels:
        if not 0 <= channel < count:
            raise InputError(f"channel {channel} is not in layer '{layer}', which has channels 0 to {count - 1}")
