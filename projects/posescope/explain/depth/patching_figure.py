"""Activation patching, drawn."""

from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from posescope.capture.pictures.colour_scale import ColourScale
from posescope.capture.pictures.panels import finish
from posescope.explain.depth.curves import draw_layers_and_joints, interval_values, new_figure
from posescope.explain.depth.patch_regions import REGIONS
from posescope.explain.depth.patching import Patching

__all__ = ['draw_patching']

_NEAR = 0.01
"""How far beyond an end of the scale is not worth telling."""
_EXTEND: dict[tuple[bool, bool], Literal['neither', 'min', 'max', 'both']] = {
    (False, False): 'neither',
    (True, False): 'min',
    (False, True): 'max',
    (True, True): 'both',
}


def draw_patching(patching: Patching, title: str = 'where joints become known') -> Figure:
    """Draw the mean share of the way that each joint goes when a layer is patched.

    Args:
        patching: Measured.
        title: Of the figure.
    """
    layers, joints = patching.layers, patching.joints
    size = 3.6 + 0.5 * len(layers), max(3.0, 0.19 * len(joints) + 1.7)
    figure = new_figure(*size)
    counted = [f'{joint} ({count})' for joint, count in zip(joints, patching.pairs.tolist(), strict=True)]
    shares = interval_values(patching.intervals())[:, 1:]
    quantity = 'share of the way to the other place'
    draw_layers_and_joints(figure, figure.subplots(), shares, layers, counted, quantity, _scale(shares))
    what = REGIONS.get(patching.region, 'the region that was given')
    finish(
        figure,
        f'{title}\npatched: {what}; in brackets: pairs in which the joint moves by {patching.least:.3g} pixels or more',
    )
    return figure


def _scale(shares: NDArray[np.float64]) -> ColourScale:
    """From staying to arriving: one joint that jumps somewhere else would make all others look alike."""
    below, above = bool((shares < -_NEAR).any()), bool((shares > 1 + _NEAR).any())
    return ColourScale(0.0, 1.0, False, _EXTEND[below, above], bool(np.isnan(shares).any()))
