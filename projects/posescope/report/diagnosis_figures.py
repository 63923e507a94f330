"""Figures of a diagnosis: the error budget, errors of each joint, and errors by kind of people."""

import math
from collections.abc import Sequence
from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from posescope.evaluation.diagnosis.diagnosis import Diagnosis
from posescope.evaluation.diagnosis.error_classes import ErrorClass
from posescope.evaluation.diagnosis.slices import SliceCell
from posescope.report.diagnosis_table import ROWS

__all__ = ['COLOURS', 'draw_budget', 'draw_joints', 'draw_slices']

# Okabe and Ito's colours, told apart with any colour vision; what is good or not the joint's fault is grey.
COLOURS = {
    'good': '#d9d9d9',
    'unclassified': '#f0e442',
    'miss': '#d55e00',
    'swap': '#cc79a7',
    'inversion': '#0072b2',
    'side_ambiguous': '#56b4e9',
    'jitter': '#e69f00',
    'unmatched': '#8c8c8c',
    'scoring': '#009e73',
    'false_positives': '#4d4d4d',
    'false_negatives': '#8c8c8c',
}


def draw_budget(diagnosis: Diagnosis) -> Figure:
    """Draw the share of every class, AP gained by correcting each error alone, and AP along the sequence."""
    figure = Figure(figsize=(13, 4.2), layout='constrained')
    shares, alone, sequence = figure.subplots(1, 3)
    present = [one for one in ROWS if diagnosis.shares[one].part]
    _draw_shares(shares, diagnosis, present)
    kinds = _kinds(diagnosis)
    gains = np.nan_to_num([diagnosis.gain(kind) for kind in kinds])
    alone.barh(range(len(kinds)), gains, color=[COLOURS[kind] for kind in kinds])
    _label_bars(alone, kinds, gains, [f'{gain:+.3f}' for gain in gains])
    alone.set_xlabel('AP gained')
    alone.set_title('correcting one kind of error alone', fontsize=10)
    _draw_sequence(sequence, diagnosis, kinds)
    return figure


def _kinds(diagnosis: Diagnosis) -> list[str]:
    empty = not diagnosis.shares[ErrorClass.SIDE_AMBIGUOUS].part
    return [kind for kind in diagnosis.headroom.sequence if not (empty and kind == 'side_ambiguous')]


def _draw_shares(panel: Axes, diagnosis: Diagnosis, present: Sequence[ErrorClass]) -> None:
    parts = [diagnosis.shares[one] for one in present]
    values = np.array([part.value for part in parts])
    panel.barh(range(len(parts)), values, color=[COLOURS[one.label] for one in present])
    ends = np.array([max(part.value, np.nan_to_num(part.high)) for part in parts])
    texts = [f'{100 * part.value:.1f} %  ({part.part:,})' for part in parts]
    for row, part in enumerate(parts):
        if math.isfinite(part.low):
            panel.plot([part.low, part.high], [row, row], color='black', linewidth=1.2)
    _label_bars(panel, [one.label for one in present], ends, texts)
    panel.set_xlabel('share of labelled joints, 95 % interval')
    total = diagnosis.shares[ErrorClass.GOOD].whole
    panel.set_title(f'{total:,} labelled joints of {diagnosis.false.people:,} people', fontsize=10)


def _draw_sequence(panel: Axes, diagnosis: Diagnosis, kinds: Sequence[str]) -> None:
    """Bars from the AP before a step to that after it."""
    steps = diagnosis.headroom.sequence
    before = max(diagnosis.headroom.measured['AP'], 0)
    panel.barh(0, before, color=COLOURS['good'])
    ends, texts = [before], [f'{before:.3f}']
    for row, kind in enumerate(kinds, 1):
        after = max(steps[kind]['AP'], 0)
        panel.barh(row, after - before, left=before, color=COLOURS[kind])
        ends.append(max(before, after))
        texts.append(f'{after:.3f}')
        before = after
    _label_bars(panel, ['measured', *kinds], np.array(ends), texts)
    panel.set_xlim(0, 1.18)
    panel.set_xticks(np.linspace(0, 1, 6))
    panel.set_xlabel('AP')
    panel.set_title('correcting one after another', fontsize=10)


def _label_bars(panel: Axes, kinds: Sequence[str], ends: np.ndarray, texts: Sequence[str]) -> None:
    panel.set_yticks(range(len(kinds)), [_title(kind) for kind in kinds], fontsize=9)
    panel.invert_yaxis()
    reach = max(float(np.max(ends, initial=0)), 1e-3)
    for row, (end, text) in enumerate(zip(ends, texts, strict=True)):
        panel.text(max(end, 0) + 0.02 * reach, row, text, va='center', fontsize=8)
    panel.set_xlim(min(0, 1.1 * float(np.min(ends, initial=0))), 1.45 * reach)
    panel.spines[['top', 'right']].set_visible(False)


def draw_joints(diagnosis: Diagnosis) -> Figure:
    """Draw the errors of each joint as shares of its labels, and the AP gained by correcting them, if it is known."""
    columns = 1 if diagnosis.joint_gains is None else 2
    height = 1.6 + 0.24 * len(diagnosis.joints)
    figure = Figure(figsize=(6.2 * columns, height), layout='constrained')
    panels = figure.subplots(1, columns, squeeze=False)[0]
    present = [one for one in ROWS if diagnosis.shares[one].part and one != ErrorClass.GOOD]
    counts = diagnosis.errors.counts().astype(float)
    shares = counts / np.maximum(counts.sum(0), 1)
    _stack(panels[0], diagnosis.joints, {one: shares[one] for one in present})
    panels[0].set_xlabel('share of the joint’s labels')
    panels[0].set_title('errors of each joint', fontsize=10)
    if diagnosis.joint_gains is not None:
        gains = {one: np.nan_to_num(diagnosis.joint_gains[one]) for one in present}
        _stack(panels[1], diagnosis.joints, {one: gain for one, gain in gains.items() if gain.any()})
        panels[1].set_xlabel('AP gained by correcting one class of one joint alone')
        panels[1].set_title('headroom of each joint', fontsize=10)
        panels[1].locator_params(axis='x', nbins=5)
    handles, labels = panels[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc='outside lower center', ncols=len(labels), fontsize=8)
    return figure


def _stack(panel: Axes, names: Sequence[str], values: dict[ErrorClass, np.ndarray]) -> None:
    """Stack bars to the right, and those of losses to the left."""
    ends = {True: np.zeros(len(names)), False: np.zeros(len(names))}
    for one, widths in values.items():
        left = np.where(widths >= 0, ends[True], ends[False])
        panel.barh(range(len(names)), widths, left=left, color=COLOURS[one.label], label=_title(one.label))
        ends[True] += np.maximum(widths, 0)
        ends[False] += np.minimum(widths, 0)
    panel.set_yticks(range(len(names)), [_title(name) for name in names], fontsize=8)
    panel.invert_yaxis()
    panel.spines[['top', 'right']].set_visible(False)


def draw_slices(diagnosis: Diagnosis) -> Figure:
    """Draw the share of each class in each population with its interval; differences that are marked are filled."""
    present = [one for one in ROWS if diagnosis.shares[one].part and one != ErrorClass.GOOD]
    rows = [key for key, _ in groupby((cell.family, cell.population) for cell in diagnosis.slices)]
    if not rows or not present:
        figure = Figure(figsize=(5, 1.5), layout='constrained')
        figure.text(0.5, 0.5, 'no errors to compare', ha='center')
        return figure
    places = _places(rows)
    figure = Figure(figsize=(3 + 1.9 * len(present), 1.4 + 0.21 * max(places.values())), layout='constrained')
    panels = figure.subplots(1, len(present), sharey=True, squeeze=False)[0]
    for panel, one in zip(panels, present, strict=True):
        cells = [cell for cell in diagnosis.slices if cell.error == one]
        _draw_forest(panel, cells, places, COLOURS[one.label])
        panel.axvline(diagnosis.shares[one].value, color='#bbbbbb', linewidth=1, zorder=0)
        panel.set_title(_title(one.label), fontsize=10)
    panels[0].set_yticks(list(places.values()), [population for _, population in rows], fontsize=8)
    panels[0].invert_yaxis()
    for family in dict.fromkeys(family for family, _ in rows):
        top = min(place for (name, _), place in places.items() if name == family)
        panels[0].annotate(
            family, (0, top - 1), xycoords=('axes fraction', 'data'), xytext=(-6, 0), textcoords='offset points',
            ha='right', va='center', fontsize=8, fontweight='bold', annotation_clip=False,
        )  # fmt: skip
    figure.supxlabel(
        'share of the population’s labelled joints, % (95 % interval); grey line: everybody; '
        'filled: differs from the rest of its family (false discovery rate 5 %)',
        fontsize=8,
    )
    return figure


def _places(rows: Sequence[tuple[str, str]]) -> dict[tuple[str, str], float]:
    """Give each population a row, and each family one more for its name."""
    places, families = {}, 0.0
    for row, (family, population) in enumerate(rows):
        if row == 0 or family != rows[row - 1][0]:
            families += 1.4
        places[family, population] = row + families
    return places


def _draw_forest(panel: Axes, cells: Sequence[SliceCell], places: dict[tuple[str, str], float], colour: str) -> None:
    for cell in cells:
        place, part = places[cell.family, cell.population], cell.share
        if math.isfinite(part.low):
            panel.plot([part.low, part.high], [place, place], color=colour, linewidth=1.4)
        if math.isfinite(part.value):
            face = colour if cell.marked else 'white'
            panel.plot(part.value, place, 'o', color=colour, markerfacecolor=face, markersize=4.5)
    panel.set_xlim(left=0)
    panel.xaxis.set_major_formatter(lambda value, _: f'{100 * value:g}')
    panel.tick_params(axis='x', labelsize=8)
    panel.grid(axis='x', color='#eeeeee')
    panel.set_axisbelow(True)
    panel.spines[['top', 'right']].set_visible(False)


def _title(name: str) -> str:
    return name.replace('_', ' ')
