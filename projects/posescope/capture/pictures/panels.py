"""A figure of equal panels, each in the shape of the region that it shows."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from posescope.capture.pictures.canvas import draw_background, draw_joints, mark_joint
from posescope.capture.pictures.colour_scale import ColourScale
from posescope.capture.pictures.crop import Crop
from posescope.capture.pictures.layer_label import shortened
from posescope.errors import InputError

__all__ = ['colour_bar', 'draw_person', 'finish', 'own_colour_bar', 'panel_grid', 'title']

_WIDTH, _LEAST_HEIGHT, _MOST_HEIGHT = 1.75, 1.1, 3.6
"""Inches of a panel. A very flat or very tall region leaves room in it."""


_MOST_PANELS = 150

_LETTER = 0.085
"""Inches of a letter of the finish, a wide one."""


def panel_grid(
    rows: int, columns: int, aspect: float, *, heading: float = 0.75, row_heading: float = 0.45
) -> tuple[Figure, NDArray[Any]]:
    """Make a figure with panels.

    Args:
        rows: Of panels.
        columns: Of panels.
        aspect: Height of what a panel shows relative to its width.
        heading: Inches for the figure's headline.
        row_heading: Inches for titles above each row of panels.

    Returns:
        The figure and (rows, columns) axes.

    Raises:
        InputError: There are too many panels to look at; matplotlib would take minutes for them.
    """
    if rows * columns > _MOST_PANELS:
        raise InputError(f'{rows * columns} panels are more than the {_MOST_PANELS} of a figure: draw fewer maps')
    height = float(np.clip(_WIDTH * aspect, _LEAST_HEIGHT, _MOST_HEIGHT))
    width = float(np.clip(height / aspect, 1.3, _WIDTH))
    size = (columns * (width + 0.15) + 1.2, rows * (height + row_heading) + heading)
    figure = Figure(figsize=size, layout='constrained', facecolor='white')
    return figure, figure.subplots(rows, columns, squeeze=False)


def draw_person(panel: Axes, crop: Crop, joint: str | int | None, text: str = '') -> None:
    """Draw the photograph and the skeleton, with axes in image pixels: what all maps beside it are about."""
    draw_background(panel, crop)
    draw_joints(panel, crop)
    if joint is not None:
        mark_joint(panel, crop, joint)
    panel.locator_params(nbins=4)
    title(panel, text or crop.title or ('the person' if crop.photograph is not None else 'the pose'))


def title(panel: Axes, text: str) -> None:
    """Write a title over a panel; dollar signs in it are no formulas."""
    panel.set_title(text, fontsize=7.5, parse_math=False)


def finish(figure: Figure, text: str, crop: Crop | None = None, joint: str | int | None = None) -> None:
    """Write what the figure shows and what the ring marks where there is one, and give everything its final place."""
    ring = ''
    if crop is not None and joint is not None:
        name, places = crop.skeleton.title(joint), crop.people[:, crop.skeleton.index(joint)]
        ring = f'\nring: {name}' if np.isfinite(places).all(1).any() else f'\n{name}: nowhere predicted'
    width = int(figure.get_figwidth() / _LETTER)
    lines = (text + ring).split('\n')
    rows = [row for line in lines for row in ([line] if len(line) <= width else textwrap.wrap(line, width))]
    figure.suptitle('\n'.join(shortened(row, width) for row in rows), fontsize=9, parse_math=False)
    engine = figure.get_layout_engine()
    if engine is not None:
        for _ in range(2):  # the first pass changes the size of panels, and with it where their titles end
            engine.execute(figure)
        figure.set_layout_engine('none')


def own_colour_bar(picture: AxesImage, panel: Axes, scale: ColourScale) -> None:
    """Draw the colour bar of one panel beside it, as high as it is."""
    bar = panel.figure.colorbar(picture, cax=panel.inset_axes((1.04, 0, 0.06, 1)), extend=scale.extend)
    bar.ax.tick_params(labelsize=6, length=2, pad=1)
    bar.ax.locator_params(nbins=5)
    bar.formatter.set_powerlimits((-3, 4))  # type: ignore[attr-defined]
    bar.ax.yaxis.get_offset_text().set_fontsize(6)


def colour_bar(
    figure: Figure, picture: AxesImage, panels: Sequence[Axes] | NDArray[Any], scale: ColourScale, quantity: str
) -> None:
    """Draw the colour bar of panels that share a scale."""
    panels = list(np.ravel(np.asarray(panels, object)))
    bar = figure.colorbar(picture, ax=panels, extend=scale.extend, shrink=0.9, aspect=25, pad=0.02)
    bar.set_label(scale.label(quantity), fontsize=7.5)
    bar.ax.tick_params(labelsize=7)
    bar.ax.yaxis.get_offset_text().set_fontsize(7)
    bar.formatter.set_powerlimits((-3, 4))  # type: ignore[attr-defined]
