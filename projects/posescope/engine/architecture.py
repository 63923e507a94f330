"""Does a checkpoint belong to a model?"""

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.logging import print_log
from torch import nn

from posescope.errors import InputError

_SHOWN = 3


def refuse_other_architecture(model: nn.Module, checkpoint: dict[str, Any], filename: str, partial: bool) -> None:
    """Raise if the weights of ``checkpoint`` are not those of ``model``.

    The host only warns and goes on with random weights where none were found.

    Args:
        model: The model, wrapped for distributed training or not.
        checkpoint: Content of the file, with or without ``state_dict``.
        filename: Named in the message.
        partial: Whether a part of the weights is enough (fine-tuning with another head).

    Raises:
        InputError: With the first missing, extra and misshapen keys and their numbers.
    """
    content = checkpoint.get('state_dict', checkpoint)
    if not isinstance(content, dict):
        raise InputError(f'{filename} holds a {type(content).__name__} as state_dict, not weights by name')
    weights = {
        re.sub(r'^module\.', '', str(key)): value for key, value in content.items() if isinstance(value, torch.Tensor)
    }
    model = getattr(model, 'module', model)
    weights = _as_loaded(model, weights, getattr(content, '_metadata', None) or {})
    # Without running statistics a trained model gives noise; other buffers are computed where they are missing.
    statistics = [key for key in model.state_dict() if key.endswith(('running_mean', 'running_var'))]
    parameters = [*dict(model.named_parameters()), *statistics]
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    missing = [key for key in parameters if key not in weights]
    unexpected = [key for key in weights if key not in shapes]
    misshapen = [
        f'{key} {tuple(weights[key].shape)} instead of {shape}'
        for key, shape in shapes.items()
        if key in weights and tuple(weights[key].shape) != shape
    ]
    fitting = len(parameters) - len(missing) - len(misshapen)
    if not (missing or misshapen):
        return
    if partial and fitting > 0:
        print_log(f'{fitting} of {len(parameters)} weights are taken from {filename}, the others start anew', 'current')
        return
    parts = [
        f'{len(keys)} {what} ({_some(keys)})'
        for what, keys in (('missing', missing), ('of another shape', misshapen), ('not in the model', unexpected))
        if keys
    ]
    raise InputError(
        f'{filename} holds weights of another architecture than {type(model).__name__}: {", ".join(parts)}'
    )


def _as_loaded(
    model: nn.Module, weights: dict[str, torch.Tensor], metadata: Mapping[str, Any]
) -> dict[str, torch.Tensor]:
    """Give weights the names and shapes that the model's modules give them as they load."""
    found = OrderedDict(weights)
    for name, module in model.named_modules():
        prefix = f'{name}.' if name else ''
        for hook in module._load_state_dict_pre_hooks.values():
            hook(found, prefix, metadata.get(name, {}), True, [], [], [])
    return found


def _some(keys: Sequence[str]) -> str:
    more = f', … {len(keys) - _SHOWN} more' if len(keys) > _SHOWN else ''
    return ', '.join(keys[:_SHOWN]) + more
