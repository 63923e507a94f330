"""Shapes of what goes into named parts of a network and comes out."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from posescope.errors import InputError, nearest

__all__ = ['part_of', 'passing_shapes']


def part_of(network: nn.Module, name: str, argument: str) -> nn.Module:
    """Find a part by its name.

    Args:
        network: A network.
        name: As in ``named_modules``.
        argument: Which argument of a config named it.

    Raises:
        InputError: There is none; the message offers the nearest names.
    """
    parts = dict(network.named_modules())
    if not name or name not in parts:
        raise InputError(
            f'{argument}={name!r}: {type(network).__name__} has no such part; nearest: '
            f'{nearest(name, [each for each in parts if each])}'
        )
    return parts[name]


@torch.no_grad()
def passing_shapes(
    network: nn.Module, names: Sequence[str], input_size: tuple[int, int]
) -> dict[str, tuple[torch.Size, torch.Size]]:
    """Run a network once, in evaluation mode, and look.

    Args:
        network: It takes pictures (B, 3, H, W).
        names: Of its parts.
        input_size: Width and height of the picture, pixels.

    Returns:
        By name, the shapes of the first input and of the output.

    Raises:
        InputError: A part did not run, or does not map one tensor to one tensor.
    """
    found: dict[str, tuple[torch.Size, torch.Size]] = {}

    def look(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            if len(inputs) and isinstance(inputs[0], Tensor) and isinstance(output, Tensor):
                found[name] = inputs[0].shape, output.shape

        return hook

    modes = {module: module.training for module in network.modules()}
    with ExitStack() as stack:
        for name in names:
            stack.callback(network.get_submodule(name).register_forward_hook(look(name)).remove)
        network.eval()
        try:
            network(torch.zeros(1, 3, *input_size[::-1]))
        except RuntimeError as error:
            raise InputError(
                f'{type(network).__name__} does not run on a picture of {input_size[0]} × {input_size[1]} pixels '
                f'({" ".join(str(error).split())}): give it input_size=… of the config'
            ) from error
    for module, training in modes.items():
        module.training = training
    for name in names:
        if name not in found:
            raise InputError(f'{name} of {type(network).__name__} does not map one tensor to one tensor')
    return found
