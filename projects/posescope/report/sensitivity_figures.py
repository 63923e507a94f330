"""Figures of sensitivity: curves of AP, joints and errors; mirror equivariance; annotated against detected boxes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from posescope.evaluation.bootstrap import LEAST_UNITS, Interval
from posescope.evaluation.sensitivity.curve import Curve, Effect, Point
from posescope.evaluation.sensitivity.factors import FACTORS
from posescope.evaluation.sensitivity.outcome import ERROR_TYPES

__all__ = ['draw_boxes', 'draw_curves', 'draw_mirror']

_NO_INTERVALS = f'under {LEAST_UNITS} images: no intervals'
_AP, _OKS = '#0072b2', '#d55e00'
_ERRORS = {
    'jitter': '#f0e442',
    'inversion': '#e69f00',
    'side_ambiguous': '#cccccc',
    'swap': '#cc79a7',
    'miss': '#d55e00',
    'unmatched': '#555555',
}
"""Type of error -> colour, in the order in which they are stacked; good joints are what is left above."""


def draw_curves(curves: Sequence[Curve], joints: Sequence[str]) -> Figure:
    """Draw a column for each factor: AP and OKS with 95 % bands, change of each joint's KS, types of error.

    Args:
        curves: Of one group of factors, on the same people.
        joints: (K,) names.
    """
    height = 6.2 + 0.17 * len(joints)
    figure = Figure(figsize=(1.8 + 3.3 * len(curves), height), layout='constrained')
    panels = figure.subplots(3, len(curves), squeeze=False, height_ratios=[2.8, 0.17 * len(joints) + 0.6, 2.4])
    deltas = [[joint.delta.value or 0 for joint in point.joints] for curve in curves for point in curve.points]
    extent = max(0.02, float(np.abs(deltas).max()))
    for column, curve in enumerate(curves):
        _draw_quality(panels[0, column], curve, first=column == 0)
        picture = _draw_joints(panels[1, column], curve, joints if column == 0 else [], extent)
        _draw_errors(panels[2, column], curve, first=column == 0)
        if column == len(curves) - 1:
            figure.colorbar(picture, ax=panels[1, column], label='change of mean KS', shrink=0.8)
    top = max(1 - _good(point) for curve in curves for point in curve.points)
    for panel in panels[2]:
        panel.set_ylim(0, min(1.0, 1.08 * top) or 1)
    handles, labels = panels[2, 0].get_legend_handles_labels()
    columns = 6 if len(curves) > 1 else 3
    figure.legend(handles[::-1], labels[::-1], loc='outside lower center', ncols=columns, fontsize=8, frameon=False)
    figure.suptitle('bands: 95 % intervals of the difference to the unchanged test (dotted)', fontsize=8)
    return figure


def _draw_quality(panel: Axes, curve: Curve, *, first: bool) -> None:
    amounts = [point.amount for point in curve.points]
    for name, colour, marker in (('AP', _AP, 'o'), ('mean OKS', _OKS, 's')):
        effects = [point.ap if name == 'AP' else point.oks for point in curve.points]
        values = [np.nan if effect.value is None else effect.value for effect in effects]
        panel.plot(amounts, values, color=colour, marker=marker, markersize=4, label=name)
        low, high = _band(effects, values)
        panel.fill_between(amounts, low, high, color=colour, alpha=0.2, linewidth=0)
    panel.axvline(0, color='grey', linewidth=0.8, linestyle=':')
    panel.set_ylim(-0.02, 1.02)
    panel.grid(alpha=0.3)
    panel.set_title(curve.factor.replace('_', ' '), fontsize=10)
    panel.set_xlabel(FACTORS[curve.factor].unit, fontsize=8)
    if first:
        panel.legend(fontsize=8, loc='lower left')
    if all(effect.delta.low is None for point in curve.points for effect in (point.ap, point.oks)):
        panel.text(0.98, 0.97, _NO_INTERVALS, fontsize=7, ha='right', va='top', transform=panel.transAxes)


def _band(effects: Sequence[Effect], values: Sequence[float]) -> tuple[list[float], list[float]]:
    """Ends of the intervals of the differences, laid around the values."""
    ends = []
    for sign in ('low', 'high'):
        rows = []
        for effect, value in zip(effects, values, strict=True):
            end = getattr(effect.delta, sign)
            rows.append(np.nan if end is None or effect.delta.value is None else value - effect.delta.value + end)
        ends.append(rows)
    return ends[0], ends[1]


def _draw_joints(panel: Axes, curve: Curve, names: Sequence[str], extent: float) -> AxesImage:
    changes = np.array([[np.nan if j.delta.value is None else j.delta.value for j in p.joints] for p in curve.points]).T
    picture = panel.imshow(changes, cmap='RdBu', vmin=-extent, vmax=extent, aspect='auto')
    panel.set_xticks(range(len(curve.points)), [f'{point.amount:g}' for point in curve.points], fontsize=8)
    panel.set_yticks(range(len(names)), [name.replace('_', ' ') for name in names], fontsize=8)
    return picture


def _draw_errors(panel: Axes, curve: Curve, *, first: bool) -> None:
    bottom = np.zeros(len(curve.points))
    for kind, colour in _ERRORS.items():
        shares = np.array([point.errors[ERROR_TYPES.index(kind)].value or 0 for point in curve.points])
        panel.bar(range(len(bottom)), shares, 0.8, bottom=bottom, color=colour, label=kind.replace('_', ' '))
        bottom += shares
    panel.set_xticks(range(len(bottom)), [f'{point.amount:g}' for point in curve.points], fontsize=8)
    panel.grid(axis='y', alpha=0.3)
    if first:
        panel.set_ylabel('share of labelled joints', fontsize=8)


def _good(point: Point) -> float:
    return point.errors[ERROR_TYPES.index('good')].value or 0


def draw_mirror(distances: Sequence[Interval], joints: Sequence[str]) -> Figure:
    """Draw how far a model's answer in the mirror image is from the mirror image of its answer.

    Args:
        distances: (1 + K) of :func:`posescope.evaluation.sensitivity.mirror.mirror_equivariance`.
        joints: (K,) names.
    """
    names = ['all', *(name.replace('_', ' ') for name in joints)]
    figure = Figure(figsize=(6, 1.6 + 0.22 * len(names)), layout='constrained')
    panel = figure.subplots()
    _draw_bars(panel, distances, names)
    panel.set_xlabel('‖f(flip x) − flip f(x)‖, √area of the person')
    panel.set_title('mirror equivariance: 0 for a model that treats both sides alike', fontsize=10)
    return figure


def draw_boxes(annotated: Point, detected: Point, joints: Sequence[str]) -> Figure:
    """Draw annotated against detected boxes.

    Args:
        annotated: With annotated boxes.
        detected: With detected boxes, compared with these.
        joints: (K,) names.
    """
    figure = Figure(figsize=(10, 1.8 + 0.22 * len(joints)), layout='constrained')
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.2])
    names = ['AP', 'AP .5', 'AP .75', 'AR', 'mean OKS']
    for offset, one, colour, label in (
        (-0.2, annotated, _AP, 'annotated boxes'),
        (0.2, detected, _OKS, 'detected boxes'),
    ):
        statistics = [one.statistics[name] for name in names[:-1]]
        # COCO marks by -1 what is not defined.
        values = [*(np.nan if value < 0 else value for value in statistics), one.oks.value or 0]
        bars = left.bar(np.arange(len(names)) + offset, values, 0.38, color=colour, label=label)
        left.bar_label(bars, fmt='%.2f', fontsize=7)
    left.set_xticks(range(len(names)), names, fontsize=8)
    left.set_ylim(0, 1.12)
    left.legend(fontsize=8, loc='upper center', ncols=2, frameon=False)
    _draw_bars(right, [joint.delta for joint in detected.joints], [name.replace('_', ' ') for name in joints])
    right.axvline(0, color='black', linewidth=0.8)
    right.set_xlabel('change of mean KS, detected − annotated')
    return figure


def _draw_bars(panel: Axes, intervals: Sequence[Interval], names: Sequence[str]) -> None:
    values = np.array([np.nan if one.value is None else one.value for one in intervals])
    panel.barh(range(len(names)), values, color=_AP)
    for place, one in enumerate(intervals):
        if one.low is not None and one.high is not None:
            panel.plot([one.low, one.high], [place, place], color='black', linewidth=1.2)
    panel.set_yticks(range(len(names)), names, fontsize=8)
    panel.invert_yaxis()
    panel.grid(axis='x', alpha=0.3)
    if all(one.low is None for one in intervals):
        panel.text(0.98, 0.03, _NO_INTERVALS, fontsize=7, ha='right', transform=panel.transAxes)
