"""How one map forms: the same joint's or channel's map after each stack of an hourglass, or at each epoch."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from posescope.capture.pictures.canvas import draw_background, draw_joints, draw_map, mark_joint
from posescope.capture.pictures.checks import checked_array, one_each
from posescope.capture.pictures.colour_scale import ColourScale
from posescope.capture.pictures.crop import Crop
from posescope.capture.pictures.layer_label import shortened, wrapped
from posescope.capture.pictures.panels import colour_bar, draw_person, finish, panel_grid, title
from posescope.capture.pictures.place import GridLike, Place, grid_of_each

__all__ = ['draw_stack_strip', 'peak_of']

_MOST_COLUMNS = 8


def peak_of(values: NDArray[np.float64]) -> tuple[int, int] | None:
    """Find row and column of the largest finite value of (h, w), the first among equals; None if there is none."""
    if not np.isfinite(values).any():
        return None
    row, column = np.unravel_index(np.nanargmax(np.where(np.isfinite(values), values, np.nan)), values.shape)
    return int(row), int(column)


def draw_stack_strip(
    crop: Crop | Sequence[Crop],
    maps: Sequence[ArrayLike],
    grids: GridLike | Sequence[GridLike],
    names: Sequence[str],
    layer: str,
    *,
    joint: str | int | None = None,
    quantity: str = 'heatmap',
) -> Figure:
    """Draw maps in order with the same colours, each with its peak as a cross, and the distance of that from the joint.

    Args:
        crop: The person, or as each map's model saw them: after every epoch joints are predicted elsewhere.
        maps: (h, w) each: of one joint or channel.
        grids: Cells -> pixels of the input, of each map, or one for all.
        names: Of the maps: ``stack 1``, ``epoch 10``.
        layer: Name of the layer that they come from.
        joint: Name or number of the joint, which is marked.
        quantity: What the numbers are.

    Raises:
        InputError: A shape or a number of something is wrong, or there is no such joint.
    """
    places = grid_of_each(grids, len(maps))
    crops = [crop] * len(maps) if isinstance(crop, Crop) else list(crop)
    one_each(len(maps), 'maps', grids=places, names=names, crops=crops)
    first = crops[0]
    shown = [checked_array(one, f'map of {name}', ('h', 'w')) for one, name in zip(maps, names, strict=True)]
    scale = ColourScale.of(shown)
    columns = min(1 + len(shown), _MOST_COLUMNS)
    figure, panels = panel_grid(-(-(1 + len(shown)) // columns), columns, first.aspect, row_heading=0.6)
    draw_person(panels.flat[0], first, joint)
    # The last row of panels may be longer.
    for panel, values, grid, name, seen in zip(panels.flat[1:], shown, places, names, crops):  # noqa: B905
        draw_background(panel, seen)
        picture = draw_map(panel, seen, grid, values, scale)
        draw_joints(panel, seen, faint=True)
        if joint is not None:
            mark_joint(panel, seen, joint)
        panel.set(xticks=[], yticks=[])
        text, peak = 'no finite value', peak_of(values)
        if peak is not None:
            x, y = Place(grid, seen.to_image).to_pixels(peak)
            for colour, width in (('black', 3), ('#56b4e9', 1.4)):
                panel.plot(x, y, 'x', color=colour, markersize=7, markeredgewidth=width, zorder=6)
            text = f'peak {values[peak]:.3g}{_distance(seen, joint, x, y)}'
        title(panel, f'{wrapped(name, 24)}\n{text}')
    for panel in panels.flat[1 + len(shown) :]:
        panel.axis('off')
    colour_bar(figure, picture, panels, scale, quantity)
    finish(figure, f'{shortened(layer, 70)}\ncross: peak of the map', first, joint)
    return figure


def _distance(crop: Crop, joint: str | int | None, x: float, y: float) -> str:
    """Say how far a peak is from the joint, where one person has a known one."""
    if joint is None or len(crop.people) != 1:
        return ''
    distance = float(np.hypot(*(crop.people[0][crop.skeleton.index(joint)] - [x, y])))
    return f'\n{distance:.1f} px from the joint' if np.isfinite(distance) else ''
