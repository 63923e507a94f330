"""What joints look at, over everyone, along their bones."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from posescope.capture.pictures.colour_scale import ColourScale
from posescope.capture.pictures.panels import colour_bar, finish, panel_grid, title
from posescope.errors import InputError
from posescope.explain.attribution.bone_relative import BoneAverage
from posescope.explain.pictures.joint_maps import MOST_JOINTS

__all__ = ['draw_bone_average']

_MOST_COLUMNS = 6


def draw_bone_average(
    average: BoneAverage, joints: Sequence[str], parents: Sequence[int], text: str, chosen: Sequence[int] | None = None
) -> Figure:
    """Draw the mean map of each joint in parts of its largest absolute value, the joint in the middle of the panel.

    Its parent is straight above.

    Args:
        average: Of :class:`~posescope.explain.attribution.bone_relative.BoneFrames`.
        joints: Names of all K joints.
        parents: The parent of each, -1 where it has none: such a joint is not drawn.
        text: What the figure shows.
        chosen: Which of the joints to draw, at most :data:`~posescope.explain.pictures.joint_maps.MOST_JOINTS`; None
            for all.

    Raises:
        InputError: There are too many joints, or none has a parent.
    """
    shown = [joint for joint in (range(len(joints)) if chosen is None else chosen) if parents[joint] >= 0]
    if not 0 < len(shown) <= MOST_JOINTS:
        raise InputError(f'{len(shown)} joints with a bone: a figure shows 1 to {MOST_JOINTS}')
    values = average.mean[shown].numpy()
    largest = np.abs(np.nan_to_num(values)).max((1, 2))
    values = values / np.where(largest > 0, largest, 1)[:, None, None]
    signed = ColourScale.of([values]).signed
    scale = ColourScale(-1.0 if signed else 0.0, 1.0, signed)
    columns = min(len(shown), _MOST_COLUMNS)
    figure, panels = panel_grid(-(-len(shown) // columns), columns, 1.0, row_heading=0.65)
    for panel, joint, mean, most in zip(panels.flat, shown, values, largest, strict=False):
        picture = panel.imshow(np.ma.masked_invalid(mean), cmap=scale.colours, norm=scale.norm, interpolation='nearest')
        for (row, column), marker in ((average.joint, 'o'), (average.parent, '^')):
            panel.plot(
                column, row, marker, markersize=6, markerfacecolor='none', markeredgecolor='black', markeredgewidth=1
            )
        panel.set(xticks=[], yticks=[])
        people = int(average.people[joint])
        parent = joints[parents[joint]].replace('_', ' ')
        title(
            panel, f'{joints[joint].replace("_", " ")}\nabove: {parent}; n = {people}\nlargest {most:.2g} of the whole'
        )
    for panel in panels.flat[len(shown) :]:
        panel.axis('off')
    colour_bar(figure, picture, panels, scale, "parts of each joint's largest value")
    finish(figure, f'{text}\ncircle: the joint; triangle: the joint that its bone leads to')
    return figure
