"""Effective receptive fields, drawn."""

import math

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from scipy.ndimage import gaussian_filter

from posescope.capture.pictures.panels import finish
from posescope.capture.pictures.panels import title as heading
from posescope.explain.depth.curves import new_figure
from posescope.explain.depth.receptive_field import EDGE, ReceptiveFields

__all__ = ['draw_receptive_fields']

_COLUMNS = 6
_SMOOTHED = 3.0
"""Standard deviation, pixels: over few people the line would go around every speck."""


def draw_receptive_fields(fields: ReceptiveFields, title: str = 'how far around itself each joint looks') -> Figure:
    """Draw the mean gradient around each joint; a circle has the radius of the field, a line its edge.

    Args:
        fields: Measured.
        title: Of the figure.
    """
    columns = min(_COLUMNS, len(fields.joints))
    rows = math.ceil(len(fields.joints) / columns)
    figure = new_figure(1.75 * columns + 0.4, 2.05 * rows + 0.9)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    height, width = (side // 2 for side in fields.maps.shape[1:])
    extent = (-width - 0.5, width + 0.5, height + 0.5, -height - 0.5)
    for panel, joint, field, people, radius in zip(
        panels, fields.joints, fields.maps, fields.people.tolist(), fields.radius.tolist(), strict=False
    ):
        known = np.nan_to_num(field)
        largest = float(known.max())
        # The root shows the tail, which is most of the field.
        panel.imshow(np.sqrt(known), cmap='magma_r', extent=extent, vmin=0, vmax=math.sqrt(largest) or 1)
        if largest > 0:
            smooth = gaussian_filter(known, _SMOOTHED)
            around_x, around_y = np.arange(-width, width + 1), np.arange(-height, height + 1)
            panel.contour(around_x, around_y, smooth, [EDGE * smooth.max()], colors='#0072b2', linewidths=0.8)
            panel.add_patch(Circle((0, 0), radius, fill=False, edgecolor='#009e73', linewidth=1.2))
        what = f'radius {radius:.1f} px, {people} people' if people else 'nobody’s is inside the input'
        heading(panel, f'{joint.replace("_", " ")}\n{what}')
        panel.tick_params(labelsize=6)
        panel.locator_params(nbins=4)
    for panel in panels[len(fields.joints) :]:
        panel.set_axis_off()
    edge = f'line: {100 * EDGE:.3g} % of the largest, smoothed over {_SMOOTHED:g} pixels'
    legend = f'circle: radius √(Σ a r² / Σ a) of the gradients a; {edge}; in pixels of the input'
    finish(figure, f'{title}\n{legend}')
    return figure
