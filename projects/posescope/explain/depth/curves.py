"""Curves over the depth of a network, with intervals; and maps of layers against joints."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from posescope.capture.pictures.colour_scale import ColourScale
from posescope.capture.pictures.layer_label import shortened
from posescope.capture.pictures.panels import colour_bar
from posescope.evaluation.bootstrap import Interval

__all__ = ['CURVE_COLOURS', 'draw_curve', 'draw_layers_and_joints', 'interval_values', 'name_layers', 'new_figure']

CURVE_COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7')
"""Of Okabe and Ito, told apart with any colour vision."""
_LETTERS = 26
_DPI = 110


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure, inches; laid out and saved at one resolution, or letters would grow beyond their room."""
    return Figure(figsize=(width, height), layout='constrained', facecolor='white', dpi=_DPI)


def interval_values(intervals: Sequence[Sequence[Interval]], name: str = 'value') -> NDArray[np.float64]:
    """Take one number out of intervals, in their shape; NaN where there is none."""
    return np.array(
        [[np.nan if getattr(one, name) is None else getattr(one, name) for one in row] for row in intervals]
    )


def draw_curve(panel: Axes, intervals: Sequence[Interval], colour: str, label: str, marker: str = 'o') -> None:
    """Draw a mean at each depth, and its interval as a band where there is one."""
    value, low, high = (interval_values([intervals], name)[0] for name in ('value', 'low', 'high'))
    depth = np.arange(len(value))
    panel.plot(depth, value, color=colour, marker=marker, markersize=4, label=label)
    panel.fill_between(depth, low, high, color=colour, alpha=0.2, linewidth=0)


def name_layers(panel: Axes, layers: Sequence[str], *, along_y: bool = False) -> None:
    """Write the names of layers along an axis."""
    names = [shortened(layer, _LETTERS) for layer in layers]
    if along_y:
        panel.set_yticks(range(len(names)), names, fontsize=7, parse_math=False)
    else:
        panel.set_xticks(range(len(names)), names, rotation=30, ha='right', fontsize=7, parse_math=False)


def draw_layers_and_joints(
    figure: Figure,
    panel: Axes,
    values: NDArray[np.float64],
    layers: Sequence[str],
    joints: Sequence[str],
    quantity: str,
    scale: ColourScale | None = None,
) -> None:
    """Draw a value (L, K) for each layer and joint, joints downwards, with its colour bar."""
    scale = scale or ColourScale.of([values])
    shown = np.ma.masked_invalid(values.T)
    picture = panel.imshow(shown, cmap=scale.colours, norm=scale.norm, aspect='auto', interpolation='nearest')
    name_layers(panel, layers)
    panel.set_yticks(range(len(joints)), [joint.replace('_', ' ') for joint in joints], fontsize=7, parse_math=False)
    colour_bar(figure, picture, [panel], scale, quantity)
