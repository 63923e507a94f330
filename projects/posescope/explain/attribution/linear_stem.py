"""The linear layers that a model begins with."""

from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from posescope.capture.interception import Interception
from posescope.capture.layers import named_layers
from posescope.capture.taps import Taps
from posescope.explain.outputs import Outputs
from posescope.explain.pose_function import PoseFunction

__all__ = ['LinearStem', 'find_stem']

_LINEAR = nn.Conv2d, nn.BatchNorm2d  # a batch norm in evaluation mode, that is
_AGREEMENT = 1e-4


class LinearStem:
    """Layers through which everything passes that a model sees, and through which gradients pass linearly.

    The gradients of any number of inputs can therefore be added up behind these layers, and go through them once: for a
    ResNet about a third of each backward pass, since its first convolution works on the largest map.

    Args:
        modules: One after the other, as the model calls them.
        layer: Name of the last.
    """

    def __init__(self, modules: list[nn.Module], layer: str) -> None:
        self.modules = modules
        self.layer = layer

    def pull_back(self, gradients: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Turn gradients behind the layers into gradients of the input.

        Args:
            gradients: (B, C, h, w).
            shape: Of one input, (3, H, W).

        Returns:
            (B, 3, H, W).
        """
        with torch.enable_grad():
            start = gradients.new_zeros(len(gradients), *shape).to(memory_format=torch.channels_last).requires_grad_()
            output = start
            for module in self.modules:
                output = module(output)
            return torch.autograd.grad(output, start, gradients)[0]


def find_stem(function: PoseFunction, inputs: Tensor) -> LinearStem | None:
    """Find the linear layers that a model begins with.

    Args:
        function: The model, with frozen parameters.
        inputs: Crops; the first is run.

    Returns:
        The layers; None where there are none, or where something passes around them.
    """
    chain = _linear_beginning(function, inputs[:1].detach())
    if not chain:
        return None
    stem = LinearStem([module for _, module in chain], chain[-1][0])
    return stem if _everything_passes(function, stem, inputs[:1]) else None


def _linear_beginning(function: PoseFunction, inputs: Tensor) -> list[tuple[str, nn.Module]]:
    """The linear layers that take the input, one after the other, with their names."""
    chain: list[tuple[str, nn.Module]] = []
    current: tuple[Tensor, int] = inputs, inputs._version
    fits = False

    def before(args: tuple[Any, ...], options: dict[str, Any]) -> None:
        nonlocal fits
        fits = bool(args) and args[0] is current[0] and args[0]._version == current[1]  # no ReLU wrote to it since

    def after(name: str, module: nn.Module, output: Tensor) -> Tensor:
        nonlocal current
        if fits and not (module.training and isinstance(module, nn.BatchNorm2d)):
            chain.append((name, module))
            current = output, output._version
        return output

    with torch.no_grad(), ExitStack() as stack:
        layers = {module: name for name, module in named_layers(function.model).items() if isinstance(module, _LINEAR)}
        for module, name in layers.items():  # each once, however many names it has
            seen = Interception(module, before=before, after=partial(after, name, module), name=name)
            stack.enter_context(seen)
        function(inputs)
    return chain


def _everything_passes(function: PoseFunction, stem: LinearStem, inputs: Tensor) -> bool:
    """Whether gradients of the input are those that come through the stem, tried with random gradients of the head."""
    with torch.enable_grad(), Taps(function.model, [stem.layer]) as taps:
        start = inputs.detach().clone().requires_grad_()
        total = _random_sum(function(start))
        kept = taps.outputs[stem.layer]
        if len(kept) != 1 or not total.requires_grad:
            return False
        expected, behind = torch.autograd.grad(total, [start, kept[0]], allow_unused=True)
    if expected is None or behind is None:
        return False
    found = stem.pull_back(behind, tuple(inputs.shape[1:]))
    return bool((found - expected).abs().max() <= _AGREEMENT * expected.abs().max())


def _random_sum(outputs: Outputs) -> Tensor:
    """One number that everything in a head's outputs takes part in."""
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros((), device=next(tensor for _, tensor in outputs.tensors()).device)
    for _, tensor in outputs.tensors():
        total = total + (tensor * torch.randn(tensor.shape, generator=generator).to(tensor.device)).sum()
    return total
