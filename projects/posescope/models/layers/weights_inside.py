"""Weights of a module that stood alone fit also where another one is around it."""

from functools import partial
from typing import Any

from torch import nn

__all__ = ['take_weights_of']


def take_weights_of(module: nn.Module, inside: str) -> None:
    """Let a module load the weights of a part of it also under the names that they have without the module around it.

    Args:
        module: The one around; it is changed.
        inside: Name of the part, ``pose_head`` or ``losses.0``.
    """
    module.register_load_state_dict_pre_hook(partial(_move, inside))


def _move(inside: str, module: nn.Module, state: dict[str, Any], prefix: str, *unused: Any) -> None:
    for key in [key for key in state if key.startswith(prefix)]:
        rest = key[len(prefix) :]
        if rest.partition('.')[0] not in module._modules:
            state[f'{prefix}{inside}.{rest}'] = state.pop(key)
