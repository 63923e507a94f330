"""Who is explained: boxes, numbers and joints on the whole photograph."""

import matplotlib
from matplotlib import patheffects
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from posescope.capture.pictures import SkeletonStyle
from posescope.capture.pictures.checks import checked_array, checked_photograph, one_each
from posescope.capture.pictures.panels import finish

__all__ = ['draw_people']

_WIDTH, _LEAST, _MOST = 7.0, 2.0, 12.0
_COLOURS = 'tab10'


def draw_people(photograph: NDArray, boxes: ArrayLike, keypoints: ArrayLike, style: SkeletonStyle, text: str) -> Figure:
    """Draw everybody.

    Args:
        photograph: (H, W, 3) uint8 RGB.
        boxes: (P, 4) left, top, width and height, pixels.
        keypoints: (P, K, 2) pixels.
        style: How to draw joints.
        text: What the figure shows.

    Raises:
        InputError: There is not one box for each person, or a shape is wrong.
    """
    picture = checked_photograph(photograph)
    places = checked_array(keypoints, 'keypoints', ('P', len(style.joints), 2))
    frames = checked_array(boxes, 'boxes', ('P', 4))
    one_each(len(places), 'people', boxes=list(frames))
    height, width = picture.shape[:2]
    figure = Figure(figsize=(_WIDTH, min(max(_WIDTH * height / width, _LEAST), _MOST) + 0.5), layout='constrained')
    panel = figure.subplots()
    panel.imshow(picture, interpolation='antialiased')
    colours = matplotlib.colormaps[_COLOURS].colors  # type: ignore[attr-defined]
    for number, (person, (left, top, wide, high)) in enumerate(zip(places, frames, strict=True)):
        colour = colours[number % len(colours)]
        panel.add_patch(
            Rectangle((left - 0.5, top - 0.5), wide, high, fill=False, edgecolor=colour, linewidth=1.6, gid='box')
        )
        if len(style.links):
            panel.add_collection(LineCollection(list(person[style.links]), colors=[colour], linewidths=1.2))
        panel.scatter(person[:, 0], person[:, 1], s=7, color=[colour], edgecolors='black', linewidths=0.4, zorder=3)
        outline = [patheffects.withStroke(linewidth=2.5, foreground='black')]
        panel.text(left, top, str(number + 1), color='white', fontsize=10, va='bottom', path_effects=outline)
    panel.set_xlim(-0.5, width - 0.5)
    panel.set_ylim(height - 0.5, -0.5)
    panel.tick_params(labelsize=6, length=2)
    finish(figure, text)
    return figure
