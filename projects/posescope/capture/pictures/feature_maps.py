"""The channels of a layer that respond most, over the person."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from posescope.capture.pictures.canvas import draw_background, draw_joints, draw_map, mark_joint
from posescope.capture.pictures.checks import checked_maps
from posescope.capture.pictures.colour_scale import ColourScale
from posescope.capture.pictures.crop import Crop
from posescope.capture.pictures.layer_label import shortened
from posescope.capture.pictures.panels import colour_bar, draw_person, finish, panel_grid, title
from posescope.capture.pictures.place import GridLike
from posescope.errors import InputError

__all__ = ['draw_feature_maps', 'strongest_channels']

_MOST_COLUMNS = 7


def strongest_channels(features: ArrayLike, count: int) -> NDArray[np.int64]:
    """Find the channels whose response differs most from place to place, strongest first.

    A channel's strength is its standard deviation over the map; where that says nothing, as on a map of one cell, its
    absolute mean. Channels with a value that is not finite come last, and the lower number first among equals.

    Args:
        features: (C, H, W).
        count: Most channels to return.
    """
    values = checked_maps(features, 'features').reshape(np.shape(features)[0], -1)
    finite = np.isfinite(values).all(1)
    values = np.where(finite[:, None], values, 0)
    order = np.lexsort((-np.abs(values.mean(1)), -values.std(1), ~finite))
    return order[:count]


def draw_feature_maps(
    crop: Crop,
    features: ArrayLike,
    grid: GridLike,
    layer: str,
    *,
    count: int = 13,
    channels: Sequence[int] | None = None,
    centred: bool = False,
    joint: str | int | None = None,
    opacity: float = 1.0,
) -> Figure:
    """Draw channels of one layer side by side, all with the same colours.

    Args:
        crop: The person.
        features: (C, H, W) of one person.
        grid: Cells -> pixels of the input.
        layer: Name of the layer.
        count: Most channels; the strongest are taken, see :func:`strongest_channels`.
        channels: Numbers of the channels to draw in place of the strongest.
        centred: Draw what a channel's response is above its mean over the map, so that a channel's offset does not
            hide its pattern.
        joint: Name or number of a joint to mark.
        opacity: Below 1, the photograph shines through, and colours are no longer those of the bar.

    Raises:
        InputError: A shape is wrong, or there is no such channel.
    """
    maps = checked_maps(features, 'features')
    chosen = strongest_channels(maps, count) if channels is None else _checked(channels, len(maps))
    if not len(chosen):
        raise InputError('no channels to draw: give count or channels')
    shown = maps[chosen]
    if centred:
        finite = np.ma.masked_invalid(shown)
        shown = (finite - finite.mean((1, 2), keepdims=True)).filled(np.nan)
    scale = ColourScale.of(shown)
    columns = min(1 + len(chosen), _MOST_COLUMNS)
    figure, panels = panel_grid(-(-(1 + len(chosen)) // columns), columns, crop.aspect, row_heading=0.3)
    draw_person(panels.flat[0], crop, joint)
    for panel, channel, values in zip(panels.flat[1:], chosen, shown):  # noqa: B905  the last row may be short
        draw_background(panel, crop, grey=opacity < 1)
        picture = draw_map(panel, crop, grid, values, scale, opacity=opacity)
        draw_joints(panel, crop, faint=True)
        if joint is not None:
            mark_joint(panel, crop, joint)
        panel.set(xticks=[], yticks=[])
        title(panel, f'channel {channel}')
    for panel in panels.flat[1 + len(chosen) :]:
        panel.axis('off')
    colour_bar(figure, picture, panels, scale, 'activation − channel’s mean' if centred else 'activation')
    _, height, width = maps.shape
    size = f'{height} × {width} cells (rows × columns)'
    what = 'chosen' if channels is not None else 'most varied'
    part = f'all {len(maps)}' if len(chosen) == len(maps) else f'{len(chosen)} {what} of {len(maps)}'
    text = f'{shortened(layer, 70)}\n{part} channels, {size}'
    finish(figure, text, crop, joint)
    return figure


def _checked(channels: Sequence[int], count: int) -> NDArray[np.int64]:
    for channel in channels:
        if not 0 <= channel < count:
            raise InputError(f'channel {channel} is not in the layer, which has channels 0 to {count - 1}')
    return np.asarray(channels, np.int64)
