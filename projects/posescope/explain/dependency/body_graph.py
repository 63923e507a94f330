"""A dependency matrix drawn as arrows on a body."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from numpy.typing import ArrayLike, NDArray

from posescope.capture.pictures.checks import checked_array
from posescope.capture.pictures.colour_scale import ColourScale
from posescope.capture.pictures.panels import finish
from posescope.capture.pictures.skeleton_style import SkeletonStyle
from posescope.data.annotations import plain_name
from posescope.errors import InputError
from posescope.explain.dependency.dependency_matrix import DependencyMatrix

__all__ = ['draw_on_body', 'standing_places', 'stands', 'strongest']

# A person seen from the front, so that their left is on the picture's right; lengths of limbs are those of an adult in
# parts of the body's height (Drillis and Contini, Body Segment Parameters, 1966), arms a little away from the trunk.
_STANDING = {
    'nose': (0, 0.08), 'lefteye': (0.035, 0.05), 'righteye': (-0.035, 0.05), 'leftear': (0.075, 0.07),
    'rightear': (-0.075, 0.07), 'leftshoulder': (0.13, 0.18), 'rightshoulder': (-0.13, 0.18),
    'leftelbow': (0.2, 0.35), 'rightelbow': (-0.2, 0.35), 'leftwrist': (0.25, 0.49), 'rightwrist': (-0.25, 0.49),
    'lefthip': (0.095, 0.47), 'righthip': (-0.095, 0.47), 'leftknee': (0.11, 0.715), 'rightknee': (-0.11, 0.715),
    'leftankle': (0.12, 0.96), 'rightankle': (-0.12, 0.96), 'neck': (0, 0.15), 'head': (0, 0.03), 'tophead': (0, 0),
    'headtop': (0, 0), 'pelvis': (0, 0.46), 'hip': (0, 0.46), 'thorax': (0, 0.17), 'spine': (0, 0.32),
}  # fmt: skip
_WIDEST, _BENT = 5.0, 0.18
_MOST_NAMES = 40
"""With more joints, those alone are named that an arrow joins."""


def stands(joints: tuple[str, ...]) -> bool:
    """Whether it is known of all joints where they are on a standing body."""
    return all(plain_name(joint) in _STANDING for joint in joints)


def standing_places(joints: tuple[str, ...]) -> NDArray[np.float64]:
    """Places of joints on a standing body seen from the front: (K, 2) x and y downward, its height being 1.

    Raises:
        InputError: Where one of the joints stands is not known.
    """
    unknown = [joint for joint in joints if plain_name(joint) not in _STANDING]
    if unknown:
        shown = ', '.join(unknown[:3]) + (f' and {len(unknown) - 3} more' if len(unknown) > 3 else '')
        raise InputError(f'where {shown} is on a standing body is not known: give places (K, 2) to draw at')
    return np.array([_STANDING[plain_name(joint)] for joint in joints], np.float64)


def strongest(matrix: DependencyMatrix, most: int, only_marked: bool) -> list[tuple[int, int]]:
    """The pairs (read, hidden) of largest size, largest first."""
    values = np.where(matrix.marked | (not only_marked), np.abs(matrix.value), np.nan)
    flat = values.ravel()
    order = np.argsort(-np.nan_to_num(flat, nan=-1.0), kind='stable')
    chosen = [int(place) for place in order[:most] if np.isfinite(flat[place]) and flat[place] > 0]
    return [divmod(place, len(matrix.joints)) for place in chosen]


def draw_on_body(
    matrix: DependencyMatrix,
    style: SkeletonStyle,
    *,
    places: ArrayLike | None = None,
    most: int = 24,
    only_marked: bool = True,
    title: str = 'which joint leans on which',
) -> Figure:
    """Draw the strongest dependencies as arrows from the joint that is hidden to the joint that is read.

    Args:
        matrix: Measured.
        style: The skeleton.
        places: (K, 2) where joints are drawn, y downward, such as those of
            :func:`~posescope.explain.dependency.mean_pose.mean_pose`; joints at NaN are not drawn. None for a standing
            body.
        most: Most arrows.
        only_marked: Draw those alone that remain when false discoveries are kept to 5 %.
        title: Of the figure.

    Raises:
        InputError: The skeleton has other joints, or no place is known.
    """
    if style.joints != matrix.joints:
        raise InputError('the skeleton to draw on has other joints than the matrix')
    where = (
        standing_places(matrix.joints) if places is None else checked_array(places, 'places', (len(style.joints), 2))
    )
    known = np.isfinite(where).all(1)
    if not known.any():
        raise InputError('places: none of the joints has one to be drawn at')
    pairs = [pair for pair in strongest(matrix, most, only_marked) if known[list(pair)].all()]
    scale = ColourScale.of([np.array([matrix.value[pair] for pair in pairs])])
    figure = Figure(figsize=(5.4, 7.2), layout='constrained', facecolor='white')
    panel = figure.subplots()
    _draw_body(panel, style, where, _named(pairs, known))
    for pair in reversed(pairs):  # the strongest on top
        _draw_arrow(panel, where[pair[1]], where[pair[0]], matrix.value[pair], scale)
    low, high = where[known].min(0), where[known].max(0)
    span = (high - low).max() or 1.0
    (left, top), (right, bottom) = low - 0.12 * span, high + 0.08 * span
    panel.set_xlim(left, right)
    panel.set_ylim(bottom, top)
    panel.set_aspect('equal')
    panel.set_axis_off()
    which = 'that remain at a false discovery rate of 5 %' if only_marked else 'of any certainty'
    text = f'{len(pairs)} strongest dependencies {which}; arrows run from the hidden joint to the one that is read'
    range_ = f'\nwidest: {matrix.value[pairs[0]]:+.3g} {matrix.label}' if pairs else ''
    finish(figure, f'{title}\n{text}{range_}')
    return figure


def _named(pairs: list[tuple[int, int]], known: NDArray[np.bool_]) -> list[int]:
    """The joints whose names are written."""
    shown = np.flatnonzero(known).tolist()
    return shown if len(shown) <= _MOST_NAMES else sorted({joint for pair in pairs for joint in pair})


def _draw_body(panel: Axes, style: SkeletonStyle, where: NDArray[np.float64], named: list[int]) -> None:
    links = where[style.links]
    links = links[np.isfinite(links).all((1, 2))]
    if len(links):
        panel.add_collection(LineCollection(list(links), colors='#d9d9d9', linewidths=6, zorder=0))
    size = 46 if len(where) <= _MOST_NAMES else 14
    panel.scatter(where[:, 0], where[:, 1], s=size, c=style.joint_colours, edgecolors='black', linewidths=0.7, zorder=3)
    for joint in named:
        x, y = where[joint]
        panel.annotate(
            style.title(joint), (x, y), (5, 5), textcoords='offset points', fontsize=6, zorder=4, parse_math=False
        )


def _draw_arrow(
    panel: Axes, start: NDArray[np.float64], end: NDArray[np.float64], value: float, scale: ColourScale
) -> None:
    """Bent to one side, so that arrows of both directions do not lie on each other."""
    part = abs(value) / max(abs(scale.low), abs(scale.high))
    panel.add_patch(
        FancyArrowPatch(
            (float(start[0]), float(start[1])),
            (float(end[0]), float(end[1])),
            connectionstyle=f'arc3,rad={_BENT}',
            arrowstyle='-|>',
            mutation_scale=9,
            shrinkA=4,
            shrinkB=4,
            linewidth=0.5 + (_WIDEST - 0.5) * min(part, 1.0),
            color=scale.colours(scale.norm(value)),
            zorder=2,
            gid='dependency',
        )
    )
