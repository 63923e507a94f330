"""A backbone without some of its stages or blocks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.model import Sequential
from mmpose.models.backbones.resnet import BasicBlock, Bottleneck
from mmpose.registry import MODELS
from torch import nn

from posescope.errors import InputError
from posescope.models.layers.passing_shapes import part_of, passing_shapes
from posescope.models.layers.shortcut import Passing, ProjectedShortcut, ResidualShortcut

__all__ = ['bypassed_backbone']

BATCH_NORM = {'type': 'BN'}


@MODELS.register_module(name='BypassedBackbone')
def bypassed_backbone(
    backbone: dict[str, Any],
    stages: Sequence[str],
    input_size: tuple[int, int] = (96, 128),
    norm_cfg: dict[str, Any] = BATCH_NORM,
    placebo: int | None = None,
) -> nn.Module:
    """Build a backbone and let maps pass some of its parts by.

    The reason: where a stage seems to repeat what another computes, only leaving it out, with joints as good as before,
    shows that it does (A. Veit et al., Residual Networks Behave Like Ensembles of Relatively Shallow Networks,
    NeurIPS 2016). What is left keeps its names, so weights of the whole backbone fit (``load_from``); in place of

    - a residual block of MMPose stands relu(shortcut(x)), its own shortcut with its own weights;
    - a sequence of such blocks, as a stage of a ResNet, stand their shortcuts one after another;
    - anything else that keeps the shape of its input stands nothing;
    - anything else stands an average over patches and a new 1×1 convolution with normalisation.

    Args:
        backbone: Config of the backbone.
        stages: Names of its parts, as in captures but without ``backbone.``: ``layer4``, ``layer3.1``,
            ``hourglasses.0.low2``.
        input_size: Width and height of the pictures on which shapes are found, pixels.
        norm_cfg: Normalisation of new convolutions.
        placebo: A seed with which as many other residual blocks are drawn, whose shortcuts are of the same kind
            (nothing, or with weights of their own); None for those that are named.

    Returns:
        The backbone.

    Raises:
        InputError: It has no such part, or one does not map a tensor to a tensor that is smaller by whole numbers; or a
            placebo is asked for of what is no residual block, or of more blocks than there are others.
    """
    built: nn.Module = MODELS.build(backbone)
    parts = {name: part_of(built, name, 'BypassedBackbone stages') for name in stages}
    if placebo is not None:
        parts = _others(built, parts, placebo)
    plain = [name for name, part in parts.items() if not _is_residual(part)]
    shapes = passing_shapes(built, plain, input_size) if plain else {}
    for name, part in parts.items():
        shortcut = _projection(name, *shapes[name], norm_cfg) if name in shapes else _residual_shortcut(part)
        parent, _, last = name.rpartition('.')
        setattr(built.get_submodule(parent), last, shortcut)
    return built


def _others(built: nn.Module, parts: Mapping[str, nn.Module], seed: int) -> dict[str, nn.Module]:
    """Draw another residual block for each, with a shortcut of the same kind."""
    blocks: dict[str, Any] = {
        name: block for name, block in built.named_modules() if isinstance(block, BasicBlock | Bottleneck)
    }
    generator, drawn = np.random.default_rng(seed), dict[str, nn.Module]()
    for name in parts:
        if name not in blocks:
            raise InputError(f'BypassedBackbone placebo={seed}: {name} is no residual block; name blocks, as layer4.1')
        projects = blocks[name].downsample is not None
        pool = [
            other
            for other, block in blocks.items()
            if other not in parts and other not in drawn and (block.downsample is not None) == projects
        ]
        if not pool:
            raise InputError(f'BypassedBackbone placebo={seed}: no other block has a shortcut like that of {name}')
        other = pool[int(generator.integers(len(pool)))]
        drawn[other] = blocks[other]
    return drawn


def _is_residual(part: nn.Module) -> bool:
    """Whether it is a residual block, or a sequence of such."""
    if isinstance(part, nn.Sequential):
        return len(part) > 0 and all(isinstance(block, BasicBlock | Bottleneck) for block in part)
    return isinstance(part, BasicBlock | Bottleneck)


def _residual_shortcut(part: Any) -> nn.Module:
    blocks: list[Any] = list(part) if isinstance(part, nn.Sequential) else [part]
    shortcuts = [ResidualShortcut(block.downsample) for block in blocks]
    return Sequential(*shortcuts) if isinstance(part, nn.Sequential) else shortcuts[0]


def _projection(name: str, given: Any, made: Any, norm_cfg: dict[str, Any]) -> nn.Module:
    """What stands in for a part that turns one shape into another."""
    if given == made:
        return Passing()
    if len(given) == len(made) == 4:
        stride = tuple(-(-before // after) for before, after in zip(given[2:], made[2:], strict=True))
        if tuple(-(-before // step) for before, step in zip(given[2:], stride, strict=True)) == tuple(made[2:]):
            return ProjectedShortcut(given[1], made[1], (stride[0], stride[1]), dict(norm_cfg))
    raise InputError(
        f'BypassedBackbone stages={name!r}: it turns {tuple(given[1:])} into {tuple(made[1:])}, which no average over '
        'patches does; name parts that keep a map or reduce it by whole numbers'
    )
