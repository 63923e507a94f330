"""What each joint of a person looks at."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from posescope.capture.pictures import CellGrid, Crop
from posescope.capture.pictures.canvas import draw_background, draw_joints, draw_map, mark_joint
from posescope.capture.pictures.checks import checked_array, one_each
from posescope.capture.pictures.colour_scale import ColourScale
from posescope.capture.pictures.panels import colour_bar, draw_person, finish, panel_grid, title
from posescope.errors import InputError
from posescope.explain.pictures.cut_out import cut_out, label_in_photograph

__all__ = ['MOST_JOINTS', 'draw_joint_maps']

MOST_JOINTS = 23
"""Of a figure."""
_MOST_COLUMNS = 6
_PIXELS = CellGrid((1.0, 1.0), (0.0, 0.0))
_FULL = 0.995
"""Share of a map's pixels below full colour: a few pixels of a map that is fine must not leave all others pale."""


def draw_joint_maps(
    crop: Crop,
    maps: ArrayLike,
    joints: Sequence[str | int],
    text: str,
    *,
    notes: Sequence[str] = (),
    opacity: float = 0.65,
) -> Figure:
    """Draw a map for each joint over the pale photograph, in parts of the 99.5th percentile of its absolute values.

    What lies beyond has full colour; a map with fewer values than that is drawn in parts of its largest. Where a map
    has values of both signs, colours diverge from zero. A ring marks the joint, a cross the largest value.

    Args:
        crop: The person, with the photograph or without.
        maps: (J, H, W) signed, pixels of the input.
        joints: Names or numbers of the J joints, at most :data:`MOST_JOINTS`.
        text: What the figure shows.
        notes: A line under each joint's name.
        opacity: Of the maps over a photograph.

    Raises:
        InputError: Something is not there for each joint, or there are too many.
    """
    one_each(len(joints), 'joints', **({'notes': notes} if notes else {}))
    if len(joints) > MOST_JOINTS:
        raise InputError(f'{len(joints)} joints are more than the {MOST_JOINTS} of a figure')
    width, height = crop.input_size
    values = checked_array(maps, 'maps', (len(joints), height, width))
    parts = _in_parts(values)
    signed = ColourScale.of([parts]).signed
    scale = ColourScale(-1.0 if signed else 0.0, 1.0, signed)
    shown, first = cut_out(crop)
    columns = min(1 + len(joints), _MOST_COLUMNS)
    rows = -(-(1 + len(joints)) // columns)
    figure, panels = panel_grid(rows, columns, crop.aspect, row_heading=0.6 if notes else 0.4)
    draw_person(panels.flat[0], shown, None)
    label_in_photograph(panels.flat[0], first)
    for number, (panel, joint) in enumerate(zip(panels.flat[1:], joints, strict=False)):
        draw_background(panel, shown, grey=True)
        picture = draw_map(panel, shown, _PIXELS, parts[number], scale, opacity=opacity)
        draw_joints(panel, shown, faint=True)
        mark_joint(panel, shown, joint)
        panel.set(xticks=[], yticks=[])
        if values[number].max() > 0:
            row, column = np.unravel_index(values[number].argmax(), values[number].shape)
            x, y = shown.pixels([column, row])
            for colour, weight in (('black', 3), ('#56b4e9', 1.4)):
                panel.plot(x, y, 'x', color=colour, markersize=6, markeredgewidth=weight, zorder=6, gid='peak')
        name = crop.skeleton.title(joint)
        title(panel, f'{name}\n{notes[number]}' if notes else name)
    for panel in panels.flat[1 + len(joints) :]:
        panel.axis('off')
    colour_bar(figure, picture, panels, scale, "parts of each joint's 99.5th percentile")
    finish(figure, f'{text}\nring: the joint; cross: the largest value')
    return figure


def _in_parts(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Divide each map (J, H, W) by the value of full colour, and cut off beyond."""
    sizes = np.abs(np.nan_to_num(values)).reshape(len(values), -1)
    full = np.quantile(sizes, _FULL, axis=1)
    full = np.where(full > 0, full, sizes.max(1))
    return np.clip(values / np.where(full > 0, full, 1)[:, None, None], -1, 1)
