"""One person seen by every layer: a summary of each layer's features side by side."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from posescope.capture.pictures.canvas import draw_background, draw_joints, draw_map, mark_joint
from posescope.capture.pictures.checks import checked_maps, one_each
from posescope.capture.pictures.colour_scale import ColourScale
from posescope.capture.pictures.crop import Crop
from posescope.capture.pictures.layer_label import wrapped
from posescope.capture.pictures.panels import draw_person, finish, own_colour_bar, panel_grid, title
from posescope.capture.pictures.place import GridLike
from posescope.capture.pictures.principal_components import ColourBasis, draw_colours
from posescope.errors import InputError

__all__ = ['draw_layer_grid']

_MOST_COLUMNS = 6


def draw_layer_grid(
    crop: Crop,
    features: Sequence[ArrayLike],
    grids: Sequence[GridLike],
    layers: Sequence[str],
    *,
    summary: Literal['energy', 'components'] = 'energy',
    joint: str | int | None = None,
) -> Figure:
    """Draw a panel for each layer, with its resolution.

    Args:
        crop: The person.
        features: (C, H, W) of each layer.
        grids: Cells -> pixels of the input, of each layer.
        layers: Names of the layers.
        summary: ``'energy'``, the root mean square over channels, each layer with its own colours; or
            ``'components'``, the first three principal components of each layer as red, green and blue.
        joint: Name or number of a joint to mark.

    Raises:
        InputError: A shape or a number of something is wrong, or there is no such summary.
    """
    if summary not in ('energy', 'components'):
        raise InputError(f'summary={summary!r} is unknown: energy or components')
    one_each(len(features), 'layers', grids=grids, layers=layers)
    columns = min(1 + len(features), _MOST_COLUMNS)
    figure, panels = panel_grid(-(-(1 + len(features)) // columns), columns, crop.aspect, row_heading=0.65)
    draw_person(panels.flat[0], crop, joint)
    for panel, values, grid, layer in zip(panels.flat[1:], features, grids, layers):  # noqa: B905  the last row is short
        maps = checked_maps(values, f'features of {layer}')
        draw_background(panel, crop)
        if summary == 'energy':
            energy = np.sqrt((maps**2).mean(0))
            scale = ColourScale.of([energy], from_zero=False)
            own_colour_bar(draw_map(panel, crop, grid, energy, scale), panel, scale)
        else:
            draw_colours(panel, crop, grid, ColourBasis.fit([maps]).colours(maps))
        draw_joints(panel, crop, faint=True)
        if joint is not None:
            mark_joint(panel, crop, joint)
        panel.set(xticks=[], yticks=[])
        channels, height, width = maps.shape
        title(panel, f'{wrapped(layer, 24)}\n{channels} channels, {height} × {width}')
    for panel in panels.flat[1 + len(features) :]:
        panel.axis('off')
    what = {
        'energy': 'energy of each layer: root mean square over channels (each has its own colours)',
        'components': 'first three principal components of each layer as red, green and blue (each has its own basis)',
    }
    finish(figure, what[summary], crop, joint)
    return figure
