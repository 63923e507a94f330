"""Reliability diagrams: mean quality against mean score, bin by bin."""

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from posescope.evaluation.calibration import Calibration, Recalibration

__all__ = ['draw_joint_reliability', 'draw_reliability']

_BEFORE, _AFTER = '#0072b2', '#d55e00'


def draw_reliability(
    found: Mapping[str, tuple[Calibration, Recalibration | None]], qualities: Mapping[str, str]
) -> Figure:
    """Draw a diagram for each kind of score, above the number of scores in each bin.

    Args:
        found: Title -> what was found, and an isotonic recalibration measured on half of the images.
        qualities: Title -> name of the quality.
    """
    figure = Figure(figsize=(4.6 * len(found), 5.2), layout='constrained')
    panels = figure.subplots(2, len(found), squeeze=False, height_ratios=[4, 1], sharex='col')
    for column, (title, (calibration, recalibration)) in enumerate(found.items()):
        panel, counts = panels[:, column]
        _draw_diagram(panel, calibration, _BEFORE, 'as given')
        _limit(panel, calibration)
        if recalibration is not None:
            _draw_diagram(panel, recalibration.after, _AFTER, 'recalibrated, other half of the images')
        slope = '–' if math.isnan(calibration.slope) else f'{calibration.slope:.2f}'
        panel.set_title(f'{title}: slope {slope}, ECE {calibration.ece:.3f}', fontsize=10)
        panel.set_ylabel(f'mean {qualities[title]}')
        panel.legend(fontsize=8, loc='upper left')
        _draw_counts(counts, calibration)
    return figure


def draw_joint_reliability(found: Mapping[str, Calibration | None], columns: int = 6) -> Figure:
    """Draw a small diagram for each joint.

    Args:
        found: Name of the joint -> what was found; None if nobody has it.
        columns: Diagrams beside each other.
    """
    rows = math.ceil(len(found) / columns)
    figure = Figure(figsize=(2.1 * columns, 2.15 * rows + 0.4), layout='constrained')
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for panel in panels.flat[len(found) :]:
        panel.set_visible(False)
    for panel, (name, calibration) in zip(panels.flat, found.items(), strict=False):
        panel.set_title(name.replace('_', ' '), fontsize=9)
        if calibration is None:
            panel.text(0.5, 0.5, 'not labelled', ha='center', fontsize=8)
            continue
        _draw_diagram(panel, calibration, _BEFORE, '')
        _limit(panel, calibration)
        panel.text(0.97, 0.05, f'ECE {calibration.ece:.3f}', ha='right', fontsize=7, transform=panel.transAxes)
    figure.supxlabel('mean score of the joint', fontsize=9)
    figure.supylabel('mean KS', fontsize=9)
    return figure


def _draw_diagram(panel: Axes, calibration: Calibration, colour: str, label: str) -> None:
    scores = np.array([one.score for one in calibration.bins])
    panel.plot([0, 1], [0, 1], color='grey', linewidth=0.8, linestyle='--')
    for one in calibration.bins:
        if one.interval is not None:
            panel.plot([one.score, one.score], one.interval, color=colour, linewidth=1.2)
    qualities = [one.quality for one in calibration.bins]
    panel.plot(scores, qualities, color=colour, label=label)
    # Steps of a recalibration hold many equal scores, which stay in one bin: the larger, the more.
    shares = np.array([one.count for one in calibration.bins]) * len(scores) / calibration.count
    panel.scatter(scores, qualities, 14 * shares, color=colour, zorder=3)
    panel.set_ylim(-0.03, 1.03)
    panel.grid(alpha=0.3)


def _limit(panel: Axes, calibration: Calibration) -> None:
    """Show 0 to 1 and all scores, which may lie outside."""
    panel.set_xlim(min(0.0, calibration.bins[0].low) - 0.03, max(1.0, calibration.bins[-1].high) + 0.03)


def _draw_counts(panel: Axes, calibration: Calibration) -> None:
    """Draw how densely the scores lie: bins hold equal numbers, so narrow ones stand high."""
    # Bins that hold one score alone have no width; they are drawn as narrow ones.
    widths = np.array([max(one.high - one.low, 0.005) for one in calibration.bins])
    heights = np.array([one.count for one in calibration.bins]) / widths / calibration.count
    panel.bar([one.low for one in calibration.bins], heights, widths, align='edge', color='#bbbbbb', edgecolor='white')
    panel.set_yticks([])
    panel.set_ylabel('density', fontsize=8)
    panel.set_xlabel(f'score ({calibration.count} scores on {calibration.images} images)')
