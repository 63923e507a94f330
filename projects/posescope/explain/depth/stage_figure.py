"""Decoded stages, drawn."""

from matplotlib.figure import Figure

from posescope.capture.pictures.panels import finish
from posescope.explain.depth.curves import (
    CURVE_COLOURS,
    draw_curve,
    draw_layers_and_joints,
    interval_values,
    name_layers,
    new_figure,
)
from posescope.explain.depth.decoded_stages import DecodedStages

__all__ = ['draw_stages']


def draw_stages(decoded: DecodedStages, title: str = 'what each stage says') -> Figure:
    """Draw mean OKS of each stage with its 95 % band, and the KS of each joint.

    Args:
        decoded: Measured.
        title: Of the figure.
    """
    stages, joints = decoded.stages, decoded.joints
    size = 5.4 + 0.6 * len(stages), max(3.2, 0.19 * len(joints) + 1.4)
    figure = new_figure(*size)
    left, right = figure.subplots(1, 2)
    similarities = decoded.similarities()
    draw_curve(left, [row[0] for row in similarities], CURVE_COLOURS[0], 'mean OKS')
    left.set_ylim(0, 1)
    left.set_ylabel('mean OKS', fontsize=8)
    left.grid(alpha=0.3)
    name_layers(left, stages)
    draw_layers_and_joints(figure, right, interval_values(similarities)[:, 1:], stages, joints, 'mean KS')
    finish(figure, f'{title}\n{len(decoded.images)} people')
    return figure
