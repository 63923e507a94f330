"""Where a joint's query looks: rows of attention over the person, by head, or by layer and joint."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike, NDArray

from posescope.capture.pictures.canvas import draw_background, draw_joints, draw_map, mark_joint
from posescope.capture.pictures.checks import checked_array, one_each
from posescope.capture.pictures.colour_scale import ColourScale
from posescope.capture.pictures.crop import Crop
from posescope.capture.pictures.layer_label import shortened, wrapped
from posescope.capture.pictures.panels import colour_bar, draw_person, finish, panel_grid, title
from posescope.capture.pictures.place import GridLike, grid_of_each

__all__ = ['draw_attention_heads', 'draw_attention_layers']

_MOST_COLUMNS = 7
_QUANTILE = 0.995
"""Share of the weights within the colours. A few cells often draw most of the attention; the bar's arrow says so."""


def draw_attention_heads(
    crop: Crop,
    rows: ArrayLike,
    grid: GridLike,
    joint: str | int,
    layer: str,
    *,
    quantity: str = 'attention weight',
    opacity: float = 0.65,
) -> Figure:
    """Draw where one joint's query looks in one layer: the mean over heads, and each head.

    Args:
        crop: The person.
        rows: (heads, h, w) attention of the query under the joint, or (h, w) averaged over heads.
        grid: Cells -> pixels of the input.
        joint: Name or number of the joint, which is marked.
        layer: Name of the layer.
        quantity: What the numbers are.
        opacity: Below 1, a pale photograph shines through.

    Raises:
        InputError: A shape is wrong, or there is no such joint.
    """
    averaged = np.ndim(rows) == 2
    heads = checked_array(rows, 'rows', ('h', 'w') if averaged else ('heads', 'h', 'w'))
    shown = [heads] if averaged else [heads.mean(0), *heads]
    names = ['mean over heads', *(f'head {head}' for head in range(len(shown) - 1))]
    scale = ColourScale.of(shown, quantile=_QUANTILE)
    columns = min(1 + len(shown), _MOST_COLUMNS)
    figure, panels = panel_grid(-(-(1 + len(shown)) // columns), columns, crop.aspect, row_heading=0.3)
    draw_person(panels.flat[0], crop, joint)
    for panel, values, name in zip(panels.flat[1:], shown, names):  # noqa: B905  the last row may be short
        picture = _draw_row(panel, crop, grid, values, scale, joint, opacity)
        title(panel, name)
    for panel in panels.flat[1 + len(shown) :]:
        panel.axis('off')
    colour_bar(figure, picture, panels, scale, quantity)
    finish(figure, f'{shortened(layer, 70)}\nwhere the query of the joint looks', crop, joint)
    return figure


def draw_attention_layers(
    crop: Crop,
    rows: ArrayLike | Sequence[ArrayLike],
    grids: GridLike | Sequence[GridLike],
    layers: Sequence[str],
    joints: Sequence[str | int],
    *,
    quantity: str = 'attention weight, mean over heads',
    opacity: float = 0.65,
) -> Figure:
    """Draw where the queries of several joints look: a row of panels for each layer, a column for each joint.

    All panels of a layer share their colours; layers do not, as the size of weights depends on the number of cells.

    Args:
        crop: The person.
        rows: (J, h, w) for each layer, averaged over heads.
        grids: Cells -> pixels of the input, of each layer, or one for all.
        layers: Names of the layers.
        joints: J names or numbers of joints.
        quantity: What the numbers are.
        opacity: Below 1, a pale photograph shines through.

    Raises:
        InputError: A shape or a number of something is wrong, or there is no such joint.
    """
    maps = list(rows)  # type: ignore[arg-type]  # an array is a sequence of its layers
    places = grid_of_each(grids, len(maps))
    one_each(len(maps), 'layers’ rows', grids=places, layers=layers)
    one_each(len(joints), 'joints')
    figure, panels = panel_grid(len(maps), len(joints), crop.aspect, row_heading=0.25)
    for row, values, grid, layer in zip(panels, maps, places, layers, strict=True):
        shown = checked_array(values, f'rows of {layer}', (len(joints), 'h', 'w'))
        scale = ColourScale.of(shown, quantile=_QUANTILE)
        for panel, one, joint in zip(row, shown, joints, strict=True):
            picture = _draw_row(panel, crop, grid, one, scale, joint, opacity)
        row[0].set_ylabel(wrapped(layer, 22, 3), fontsize=7, parse_math=False)
        colour_bar(figure, picture, row, scale, wrapped(quantity.replace(', ', ',.'), 20).replace(',.', ', '))
    for panel, joint in zip(panels[0], joints, strict=True):
        title(panel, crop.skeleton.title(joint))
    finish(figure, 'where the query of each joint (ring) looks')
    return figure


def _draw_row(
    panel: Axes,
    crop: Crop,
    grid: GridLike,
    values: NDArray[np.float64],
    scale: ColourScale,
    joint: str | int,
    opacity: float,
) -> AxesImage:
    draw_background(panel, crop, grey=opacity < 1)
    picture = draw_map(panel, crop, grid, values, scale, opacity=opacity)
    draw_joints(panel, crop, faint=True)
    mark_joint(panel, crop, joint)
    panel.set(xticks=[], yticks=[])
    return picture
