"""How well joints can be read off each layer, drawn."""

from matplotlib.figure import Figure

from posescope.capture.pictures.panels import finish
from posescope.evaluation.bootstrap import LEAST_UNITS
from posescope.explain.depth.curves import (
    CURVE_COLOURS,
    draw_curve,
    draw_layers_and_joints,
    interval_values,
    name_layers,
    new_figure,
)
from posescope.explain.depth.probe_report import BASELINES, ProbeReport, joint_intervals

__all__ = ['draw_probes']


def draw_probes(report: ProbeReport, title: str = 'where joints can be read off by a linear probe') -> Figure:
    """Draw KS and its gain over each baseline with 95 % bands, and each joint's gain over the untrained network.

    Without an untrained network, joints are compared with raw pixels.

    Args:
        report: Measured.
        title: Of the figure.
    """
    layers, joints = len(report.layers), len(report.joints)
    figure = new_figure(5.4 + 0.9 * layers, max(3.4, 0.19 * joints + 1.6))
    left, middle, right = figure.subplots(1, 3, width_ratios=[1, 1, 1.1])
    draw_curve(left, [row[0] for row in report.similarities()], 'black', 'probe')
    model = joint_intervals(report.model, report.images)[0]
    if model.value is not None:
        left.axhline(model.value, color='grey', linestyle=':', linewidth=1, label='the model itself')
    left.set_ylim(0, 1)
    left.set_ylabel('mean KS', fontsize=8)
    for place, (over, name) in enumerate(BASELINES.items()):
        if over in report.baselines:
            gains = [row[0] for row in report.gains(over)]
            draw_curve(middle, gains, CURVE_COLOURS[place], f'over {name}', 'os^'[place])
    middle.axhline(0, color='grey', linewidth=0.8)
    middle.set_ylabel('gain in mean KS', fontsize=8)
    for panel in (left, middle):
        name_layers(panel, report.layers)
        panel.grid(alpha=0.3)
        panel.legend(fontsize=7, frameon=False)
        panel.tick_params(axis='y', labelsize=7)
    over = 'untrained' if 'untrained' in report.baselines else 'pixels'
    of_joints = interval_values(report.gains(over))[:, 1:]
    quantity = f'gain in KS over {BASELINES[over]}'
    draw_layers_and_joints(figure, right, of_joints, report.layers, report.joints, quantity)
    bands = (
        'bands: 95 % intervals over images' if model.low is not None else f'under {LEAST_UNITS} images: no intervals'
    )
    finish(figure, f'{title}\n{len(report)} people whom the probes were not fitted to; {bands}')
    return figure
