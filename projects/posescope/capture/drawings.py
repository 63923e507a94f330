"""Which pictures are drawn of a person whose arrays were captured."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from posescope.capture.pictures import (
    CellGrid,
    Crop,
    draw_attention_layers,
    draw_feature_maps,
    draw_joint_attention,
    draw_layer_grid,
)

__all__ = ['draw_attention', 'draw_features', 'spread']

MOST_LAYERS = 6
"""How many layers, evenly spaced, are drawn with their channels."""
MOST_PANELS = 120
"""How many layers, evenly spaced, are drawn beside each other; for attention, divided by the number of joints."""
MOST_JOINTS = 4
"""How many joints, evenly spaced, have a column of their own if nobody chose."""
_MAP, _TOKENS = 3, 2
"""Axes of a map (C, H, W) and of tokens (L, C)."""


def draw_features(
    crop: Crop,
    arrays: Mapping[str, NDArray[Any]],
    grids: Mapping[str, Mapping[str, Any] | None],
    joint: str | int | None = None,
) -> dict[str, Figure]:
    """Draw all layers beside each other, and the channels of some.

    Args:
        crop: The person.
        arrays: By layer, (C, H, W) maps or (L, C) tokens; others, and those of the mirrored pass, are left out.
        grids: By layer, as a store gives them: ``scale`` and ``offset`` of the cells in the model's input, and for
            tokens the ``size`` of their map and how many tokens precede it (``prefix``).
        joint: Name or number of a joint to mark.

    Returns:
        Figures by name: ``layers``, and layers' own names; nothing if no array is a map.
    """
    maps = {name: _as_map(array, grids.get(name)) for name, array in arrays.items() if '@' not in name}
    shown = {name: values for name, values in maps.items() if values is not None}
    if not shown:
        return {}
    places = {name: _cells(grids[name]) for name in shown}
    beside = spread(list(shown), MOST_PANELS)
    chosen = [shown[name] for name in beside], [places[name] for name in beside]
    figures = {'layers': draw_layer_grid(crop, *chosen, beside, joint=joint)}
    for name in spread(list(shown), MOST_LAYERS):
        figures[name] = draw_feature_maps(crop, shown[name], places[name], name, joint=joint)
    return figures


def draw_attention(
    crop: Crop,
    arrays: Mapping[str, NDArray[Any]],
    grids: Mapping[str, Mapping[str, Any] | None],
    joints: Sequence[str | int] = (),
) -> dict[str, Figure]:
    """Draw where joints look in all layers, and attention between joint tokens.

    Args:
        crop: The person.
        arrays: By layer, (heads, K, h, w) or (K, h, w) rows of joints over a map, or (heads, K, K) or (K, K) between
            joint tokens; others, and those of the mirrored pass, are left out.
        grids: By layer, as a store gives them.
        joints: Names or numbers of the joints to draw; evenly spaced ones if there are none.

    Returns:
        Figures by name: ``layers`` for maps, and layers' own names for joint tokens.
    """
    names = crop.skeleton.joints
    count = len(names)
    chosen = [crop.skeleton.index(joint) for joint in joints] or spread(range(count), MOST_JOINTS)
    figures: dict[str, Figure] = {}
    rows: dict[str, NDArray[np.float32]] = {}
    for name, array in arrays.items():
        values = np.asarray(array, np.float32)
        if '@' in name or values.ndim < _TOKENS:
            continue
        if grids.get(name) is not None and values.ndim >= _MAP and values.shape[-3] == count:
            rows[name] = (values if values.ndim == _MAP else values.mean(0))[chosen]
        elif values.shape[-2:] == (count, count):
            figures[name] = draw_joint_attention(values if values.ndim == _TOKENS else values.mean(0), names, name)
    if rows:
        beside = spread(list(rows), max(1, MOST_PANELS // len(chosen)))
        places = [_cells(grids[name]) for name in beside]
        figures['layers'] = draw_attention_layers(crop, [rows[name] for name in beside], places, beside, chosen)
    return figures


def spread(choices: Sequence[Any], count: int) -> list[Any]:
    """Take so many of a sequence, evenly spaced, the first and the last among them; all if there are no more."""
    return [choices[i] for i in np.linspace(0, len(choices) - 1, min(count, len(choices))).round().astype(int)]


def _as_map(array: NDArray[Any], grid: Mapping[str, Any] | None) -> NDArray[np.float32] | None:
    """(C, H, W) of a map, or of tokens that were made of one; None for anything else."""
    values = np.asarray(array, np.float32)
    if grid is None:
        return None
    if values.ndim == _TOKENS and 'size' in grid:
        rows, columns = grid['size']
        prefix = grid['prefix']
        return values[prefix : prefix + rows * columns].T.reshape(-1, rows, columns)
    return values if values.ndim == _MAP else None


def _cells(grid: Mapping[str, Any] | None) -> CellGrid:
    assert grid is not None
    return CellGrid(tuple(grid['scale']), tuple(grid['offset']))
