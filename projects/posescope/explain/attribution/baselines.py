"""Inputs without content, against which an input is compared or with which parts of it are covered."""

from torch import Tensor

from posescope.errors import InputError, nearest
from posescope.explain.attribution.blur import blurred
from posescope.explain.pose_function import PoseFunction

__all__ = ['BASELINES', 'baseline_of', 'check_baseline']

BASELINES = ('mean', 'black', 'blur')
_BLUR = 19.0


def check_baseline(name: str) -> str:
    """Give the name back.

    Raises:
        InputError: There is no such baseline.
    """
    if name not in BASELINES:
        raise InputError(f"baseline '{name}' does not exist (nearest: {nearest(name, BASELINES)})")
    return name


def baseline_of(name: str, function: PoseFunction, inputs: Tensor) -> Tensor:
    """Make the baselines of inputs.

    Args:
        name: ``'mean'``, the data set's mean colour; ``'black'``; or ``'blur'``, the input itself, blurred with a
            standard deviation of 19 pixels.
        function: The model, which tells what the colours are.
        inputs: (N, 3, H, W).

    Returns:
        (N, 3, H, W).
    """
    if name == 'blur':
        return blurred(inputs, _BLUR)
    colour = function.mean_colour if name == 'mean' else function.black
    return colour.to(inputs).expand_as(inputs)
