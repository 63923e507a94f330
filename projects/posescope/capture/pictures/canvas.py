"""A person's region drawn in image pixels: photograph, maps at their right place, skeleton, a marked joint."""

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.image import AxesImage
from matplotlib.patches import Polygon
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

from posescope.capture.pictures.colour_scale import ColourScale
from posescope.capture.pictures.crop import Crop
from posescope.capture.pictures.place import GridLike, Place

__all__ = ['BACKGROUND', 'draw_background', 'draw_joints', 'draw_map', 'mark_joint']

BACKGROUND = '#e8e8e8'
"""Where there is no photograph, and beside one."""

_CASING = 'black'


def draw_background(panel: Axes, crop: Crop, *, grey: bool = False) -> None:
    """Set a panel's coordinates to image pixels, and draw the photograph into it, or nothing if there is none.

    Args:
        panel: Shows the upright rectangle around the crop.
        crop: The person.
        grey: Draw the photograph pale and without colours, as ground for a translucent map.
    """
    panel.set_facecolor(BACKGROUND)
    if crop.photograph is not None:
        height, width = crop.photograph.shape[:2]
        picture = crop.photograph
        if grey:
            luma = picture.astype(np.float64) @ [0.299, 0.587, 0.114]  # ITU-R BT.601
            picture = np.repeat((88 + 0.65 * luma)[..., None], 3, -1).astype(np.uint8)
        panel.imshow(picture, extent=(-0.5, width - 0.5, height - 0.5, -0.5), interpolation='antialiased', zorder=0)
    _frame(panel, crop)


def draw_map(
    panel: Axes,
    crop: Crop,
    grid: GridLike,
    values: NDArray,
    scale: ColourScale | None = None,
    *,
    opacity: float = 1.0,
) -> AxesImage:
    """Draw a map where its cells lie in the image, each cell as wide as it is.

    Args:
        panel: In image pixels, see :func:`draw_background`.
        crop: The person.
        grid: Cells of the map -> pixels of the input.
        values: (h, w) numbers, (h, w, 3) RGB or (h, w, 4) RGBA from 0 to 1.
        scale: Colours of numbers.
        opacity: 1 hides what is beneath, and is taken where there is no photograph.

    Returns:
        The drawing, of which a colour bar can be made.
    """
    place = Place(grid, crop.to_image)
    height, width = values.shape[:2]
    shown = np.ma.masked_invalid(values) if values.ndim == 2 else values
    scale = scale or ColourScale.of([values])
    upright = place.is_upright
    picture = panel.imshow(
        shown,
        cmap=scale.colours,
        norm=scale.norm,
        alpha=opacity if crop.photograph is not None else 1.0,
        extent=place.extent(height, width) if upright else (-0.5, width - 0.5, height - 0.5, -0.5),
        interpolation='nearest',
        zorder=1,
    )
    if not upright:  # cells are parallelograms in the image: the transform turns them, not the panel
        picture.set_transform(Affine2D(place.matrix) + panel.transData)
    # imshow moves the limits to the map, whose outer cells may overhang the crop.
    _frame(panel, crop)
    return picture


def draw_joints(panel: Axes, crop: Crop, *, faint: bool = False) -> None:
    """Draw the links and joints of everyone in the crop; those at NaN are left out.

    Args:
        panel: In image pixels.
        crop: The person.
        faint: Thin white links without joints, so that a map can be read beneath.
    """
    style, width = crop.skeleton, 0.8 if faint else 1.8
    casing = [patheffects.Stroke(linewidth=width + (0.8 if faint else 1.4), foreground=_CASING), patheffects.Normal()]
    for person in crop.people:
        if len(style.links):
            links = LineCollection(
                list(person[style.links]),
                colors='white' if faint else style.link_colours,
                linewidths=width,
                capstyle='round',
                path_effects=casing,
                zorder=3,
            )
            panel.add_collection(links, autolim=False)
        if not faint:
            panel.scatter(
                person[:, 0], person[:, 1], s=14, c=style.joint_colours, edgecolors=_CASING, linewidths=0.7, zorder=4
            )
    _frame(panel, crop)


def mark_joint(panel: Axes, crop: Crop, joint: str | int) -> None:
    """Draw a ring around a joint, of every person in the crop.

    Raises:
        InputError: The skeleton has no such joint.
    """
    for person in crop.people:
        x, y = person[crop.skeleton.index(joint)]
        if np.isfinite([x, y]).all():
            for colour, width in ((_CASING, 3.0), ('white', 1.4)):
                panel.plot(x, y, 'o', markersize=13, markerfacecolor='none', markeredgecolor=colour,
                           markeredgewidth=width, zorder=5)  # fmt: skip
    _frame(panel, crop)


def _frame(panel: Axes, crop: Crop) -> None:
    left, right, bottom, top = crop.limits
    panel.set_xlim(left, right)
    panel.set_ylim(bottom, top)
    panel.set_aspect('equal')
    panel.tick_params(labelsize=6, length=2, pad=1)
    if not any(patch.get_gid() == 'outline' for patch in panel.patches):
        outline = Polygon(crop.outline, fill=False, edgecolor='#666666', linewidth=0.8, zorder=2, gid='outline')
        panel.add_patch(outline)
