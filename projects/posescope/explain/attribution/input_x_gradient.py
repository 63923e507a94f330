"""The gradient times the input."""

from typing import ClassVar

from torch import Tensor

from posescope.explain.attribution.saliency import Saliency

__all__ = ['InputXGradient']


class InputXGradient(Saliency):
    """Gradient times normalised input, a first-order guess at what replacing a pixel by the mean colour would cost.

    A. Shrikumar et al., arXiv 1605.01713.

    Args:
        batch_size: Crops at once.
    """

    name: ClassVar[str] = 'input_x_gradient'

    def __init__(self, batch_size: int = 16) -> None:
        super().__init__(batch_size)

    def over_colours(self, gradients: Tensor, inputs: Tensor) -> Tensor:
        """Multiply and sum."""
        return (gradients * inputs).sum(1)
