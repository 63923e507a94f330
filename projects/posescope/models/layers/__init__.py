"""Building blocks that several models share."""

from posescope.models.layers.separable_conv import SeparableConv

__all__ = ['SeparableConv']
