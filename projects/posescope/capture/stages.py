"""Which layers to look at where nobody said: the stages of a backbone."""

import numpy as np
from torch import nn

from posescope.capture.layers import unwrapped
from posescope.errors import InputError

__all__ = ['MOST_STAGES', 'stages_of']

MOST_STAGES = 4
"""How many stages are named at most; of more, evenly spaced ones, the last among them."""


def stages_of(model: nn.Module) -> list[str]:
    """Name the stages of a model's backbone, for :class:`posescope.capture.taps.Taps`.

    A stage is a sequence of blocks that hangs directly below the backbone (ResNet's ``layer1``, HRNet's ``stage4``), or
    an entry of a list of equal ones (``layers.11`` of a ViT, ``hourglass_modules.0``). Stems are none. Where an entry
    is a list itself (PVT's patch embedding, blocks and norm), its last module stands for it. A backbone that is a
    single sequence (VGG's ``features``) has the entries of that for stages, since it may call them itself. Which of
    them a forward pass really calls is only known after one.

    Args:
        model: A pose estimator, also one that is distributed or compiled.

    Returns:
        Names of modules in the order of their definition, :data:`MOST_STAGES` at most; ``['backbone']`` where it has
        no such parts.

    Raises:
        InputError: The model has no backbone.
    """
    model = unwrapped(model)
    backbone = getattr(model, 'backbone', None)
    if not isinstance(backbone, nn.Module):
        raise InputError(f"layers='stages': {type(model).__name__} has no backbone; name the layers")
    sequences: list[str] = []
    entries: list[str] = []
    for name, child in unwrapped(backbone).named_children():
        if isinstance(child, nn.Sequential) and not name.startswith('stem'):
            sequences.append(f'backbone.{name}')
        elif isinstance(child, nn.ModuleList) and _repeats_a_block(child):
            entries.extend(_last_called(f'backbone.{name}.{i}', entry) for i, entry in enumerate(child))
    if not entries and len(sequences) == 1:
        (name,) = sequences
        entries = [f'{name}.{i}' for i, _ in unwrapped(model.get_submodule(name)).named_children()]
    found = entries or sequences or ['backbone']
    chosen = np.linspace(0, len(found) - 1, min(MOST_STAGES, len(found)) + (len(found) > MOST_STAGES)).round()
    return [found[int(i)] for i in chosen[-MOST_STAGES:]]


def _last_called(name: str, module: nn.Module) -> str:
    """Name the last module in a list, however deep, that can be called; lists cannot."""
    while isinstance(module, nn.ModuleList) and len(module):
        name, module = f'{name}.{len(module) - 1}', module[-1]
    return name


def _repeats_a_block(entries: nn.ModuleList) -> bool:
    """Whether a list holds one kind of block with parts of its own, not single convolutions or a sequence."""
    kinds = {type(entry) for entry in entries}
    if len(kinds) != 1 or isinstance(entries[0], nn.Sequential):
        return False
    return sum(1 for _ in entries[0].modules()) > _PARTS_OF_A_LAYER


_PARTS_OF_A_LAYER = 6
"""Modules in a convolution with norm and activation, at most; a block has more."""
