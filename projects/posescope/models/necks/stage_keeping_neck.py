"""A neck that passes stages of the backbone on beside what it makes of them."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from mmpose.registry import MODELS
from torch import Tensor, nn

from posescope.errors import InputError

__all__ = ['stage_keeping_neck']


@MODELS.register_module(name='StageKeepingNeck')
def stage_keeping_neck(neck: dict[str, Any], out_indices: Sequence[int]) -> nn.Module:
    """Build a neck whose output begins with maps of the backbone.

    The neck itself, its weights' names included, is what it would be without, so checkpoints fit both ways.

    Args:
        neck: Config of the neck.
        out_indices: Which of the backbone's maps to pass on, in this order.

    Returns:
        The neck: it gives the maps of these stages, then its own.
    """
    built: nn.Module = MODELS.build(neck)
    built.register_forward_hook(partial(_with_stages, tuple(out_indices)))
    return built


def _with_stages(indices: tuple[int, ...], neck: nn.Module, inputs: tuple[Any, ...], output: Any) -> tuple[Tensor, ...]:
    """Put stages in front of a neck's maps."""
    stages = inputs[0]
    beyond = [index for index in indices if not -len(stages) <= index < len(stages)]
    if beyond:
        raise InputError(
            f'StageKeepingNeck out_indices={list(indices)}: the backbone gives {len(stages)} maps, numbered 0 to '
            f'{len(stages) - 1}; its own out_indices decide which'
        )
    own = output if isinstance(output, list | tuple) else (output,)
    return (*(stages[index] for index in indices), *own)
