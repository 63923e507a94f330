"""Which joint looks at which: attention between joint tokens as a matrix."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from posescope.capture.pictures.checks import checked_array, one_each
from posescope.capture.pictures.colour_scale import ColourScale
from posescope.capture.pictures.layer_label import shortened
from posescope.capture.pictures.panels import colour_bar, finish

__all__ = ['draw_joint_attention']

_MOST_NAMES = 40
"""Beyond it, names of a whole body's 133 joints would lie on each other."""


def draw_joint_attention(
    matrix: ArrayLike, joints: Sequence[str], layer: str, *, quantity: str = 'attention weight'
) -> Figure:
    """Draw attention between joint tokens.

    Args:
        matrix: (K, K) averaged over heads and, as wanted, people; row: the joint whose query it is.
        joints: K names.
        layer: Name of the layer.
        quantity: What the numbers are.

    Raises:
        InputError: There is not one row and column for each name.
    """
    one_each(len(joints), 'joints')
    values = checked_array(matrix, 'matrix', (len(joints), len(joints)))
    scale = ColourScale.of([values])
    side = float(np.clip(0.2 * len(joints), 2.4, 9))
    figure = Figure(figsize=(side + 2.4, side + 1.7), layout='constrained', facecolor='white')
    panel = figure.subplots()
    picture = panel.imshow(np.ma.masked_invalid(values), cmap=scale.colours, norm=scale.norm, interpolation='nearest')
    step = -(-len(joints) // _MOST_NAMES)
    ticks = range(0, len(joints), step)
    names = [shortened(joints[tick].replace('_', ' '), 22) for tick in ticks]
    panel.set_xticks(ticks, names, rotation=90, fontsize=7, parse_math=False)
    panel.set_yticks(ticks, names, fontsize=7, parse_math=False)
    panel.set_xlabel('is looked at (key)', fontsize=8)
    panel.set_ylabel('looks (query)', fontsize=8)
    colour_bar(figure, picture, [panel], scale, quantity)
    finish(figure, f'{shortened(layer, 60)}\nattention between joints')
    return figure
