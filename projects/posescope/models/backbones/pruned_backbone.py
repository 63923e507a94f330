"""A backbone without some of its channels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from posescope.errors import InputError, nearest
from posescope.models.layers.passing_shapes import part_of, passing_shapes
from posescope.models.layers.slimming import slim_inner

__all__ = ['pruned_backbone']

HOW = ('silence', 'mean', 'slim')


@MODELS.register_module(name='PrunedBackbone')
def pruned_backbone(
    backbone: dict[str, Any],
    channels: Mapping[str, Sequence[int]],
    how: str = 'silence',
    means: Mapping[str, Sequence[float]] | None = None,
    placebo: int | None = None,
    input_size: tuple[int, int] = (96, 128),
) -> nn.Module:
    """Build a backbone and take channels away.

    The reason: that a channel is idle is only shown by taking it away, with joints as good as before. ``'silence'``
    holds it at 0, and ``'mean'`` at its mean over people, which tells the rest of the network nothing and surprises it
    less (A. Morcos et al., On the Importance of Single Directions for Generalization, ICLR 2018); both work at any
    part, and cost as much as before. ``'slim'`` takes the weights out (H. Li et al., Pruning Filters for Efficient
    ConvNets, ICLR 2017): the same as silence after the normalisation, and cheaper, where nothing else reads the
    channels: between the convolutions of a residual block. Weights of the whole backbone fit in all cases
    (``load_from``); what is left can then be trained further.

    Args:
        backbone: Config of the backbone.
        channels: By name of the part, as in captures but without ``backbone.``, which channels of its output go. With
            ``'slim'`` parts are convolutions: ``layer3.0.conv1``.
        how: ``'silence'``, ``'mean'`` or ``'slim'``.
        means: With ``'mean'``, by name of the part, the mean of each of its channels.
        placebo: A seed with which as many other channels of each part are drawn; None for those that are named.
        input_size: Width and height of the picture on which channels are counted, pixels.

    Returns:
        The backbone.

    Raises:
        InputError: It has no such part or channel, ``how`` is unknown, or means are missing.
    """
    if how not in HOW:
        raise InputError(f'PrunedBackbone how={how!r}: choose {", ".join(HOW)} (nearest: {nearest(how, HOW, 1)})')
    built: nn.Module = MODELS.build(backbone)
    parts = {name: part_of(built, name, 'PrunedBackbone channels') for name in channels}
    shapes = passing_shapes(built, list(parts), input_size)
    generator = None if placebo is None else np.random.default_rng(placebo)
    for name, part in parts.items():
        count = _channel_count(shapes[name][1])
        wanted = _checked(channels[name], count, name)
        if generator is not None:
            wanted = _others(wanted, count, generator)
        if how == 'slim':
            parent, _, last = name.rpartition('.')
            slim_inner(built.get_submodule(parent), last, wanted, name)
        else:
            _hold(part, wanted, _means(means, name, wanted, count) if how == 'mean' else [0.0] * len(wanted), count)
    return built


def _channel_count(shape: Sequence[int]) -> int:
    """Channels of a map (B, C, H, W), or of tokens (B, L, C) and vectors (B, C)."""
    return int(shape[1] if len(shape) == 4 else shape[-1])


def _checked(wanted: Sequence[int], count: int, name: str) -> list[int]:
    """The channels that go, each once."""
    outside = [index for index in wanted if not 0 <= index < count]
    if outside:
        raise InputError(f'PrunedBackbone channels: {name} has channels 0 to {count - 1}, not {outside[0]}')
    return sorted(set(wanted))


def _others(wanted: Sequence[int], count: int, generator: np.random.Generator) -> list[int]:
    """Draw as many channels; among those that are not named, if these are enough."""
    rest = [index for index in range(count) if index not in wanted]
    pool = rest if len(rest) >= len(wanted) else list(range(count))
    return sorted(int(index) for index in generator.choice(pool, len(wanted), replace=False))


def _means(means: Mapping[str, Sequence[float]] | None, name: str, wanted: Sequence[int], count: int) -> list[float]:
    """The mean of each channel that goes."""
    given = (means or {}).get(name, ())
    if len(given) != count:
        raise InputError(
            f"PrunedBackbone how='mean': means[{name!r}] has {len(given)} numbers; give {count}, one for each channel"
        )
    return [float(given[index]) for index in wanted]


def _hold(part: nn.Module, wanted: Sequence[int], values: Sequence[float], count: int) -> None:
    """Hold channels of a part's output at values."""
    passing, held = torch.ones(count), torch.zeros(count)
    passing[list(wanted)] = 0
    held[list(wanted)] = torch.tensor(list(values))
    # Of the config, not of the weights: a checkpoint from before the pruning fits.
    part.register_buffer('passing_channels', passing, persistent=False)
    part.register_buffer('held_values', held, persistent=False)
    part.register_forward_hook(_held)


def _held(part: Any, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
    """Replace channels of an output by their values."""
    shape = (1, -1, 1, 1) if output.dim() == 4 else (-1,)
    passing, held = part.passing_channels.to(output), part.held_values.to(output)
    return output * passing.view(shape) + held.view(shape)
