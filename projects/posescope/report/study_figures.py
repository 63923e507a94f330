"""Figures of a study: quality against cost, learning curves, error budgets, calibration, and a forest plot."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from posescope.atomic import replacing
from posescope.report.diagnosis_figures import COLOURS
from posescope.study.learning_curves import LearningCurve, read_curve
from posescope.study.study_folder import StudyFolder
from posescope.study.training_cost import parts_of_energy, training_cost

__all__ = [
    'draw_budgets',
    'draw_calibration',
    'draw_costs',
    'draw_curves',
    'draw_forest',
    'pareto_front',
    'write_figures',
]

# Okabe and Ito's colours, told apart with any colour vision; shapes tell runs apart when the colours come round again.
_COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000')
_SHAPES = 'osD^vP*X'
_SHARE = 'diagnosis/share/'
_COSTS = {
    'parameters': 'parameters (M)',
    'multiply_adds': 'FLOPs (G multiply-adds)',
    'latency_1': 'one person, one thread (ms)',
    'latency_32': '32 people (ms)',
    'inference': 'memory of inference (MB)',
    'memory': 'memory of the training (MB)',
    'gpu_memory': 'GPU memory of the training (MB)',
    'training': 'training (min)',
    'energy': 'energy of the training (kJ)',
    'processor_energy': 'CPU energy of the training (kJ)',
    'gpu_energy': 'GPU energy of the training (kJ)',
}
_VERDICTS = {'better': '#009e73', 'worse': '#d55e00', 'equal within margin': '#0072b2'}


def write_figures(folder: Path, study: Mapping[str, Any], timing: Mapping[str, Any]) -> list[str]:
    """Draw everything that a study has data for into its folder ``figures``.

    Args:
        folder: Of the study.
        study: Content of ``study.json``.
        timing: Content of ``timing.json``.

    Returns:
        Paths relative to the folder.
    """
    curves = {
        (run['name'], run['seed']): read_curve(
            StudyFolder(folder).trial(run['name'], run['seed']) / 'train', study['criterion']
        )
        for run in study['runs']
    }
    drawn = {
        'forest': draw_forest(study),
        'costs': draw_costs(study, timing),
        'error_budgets': draw_budgets(study),
        'calibration': draw_calibration(study),
        'learning_curves': draw_curves(curves, study['criterion']),
    }
    paths = []
    for name, figure in drawn.items():
        path = folder / 'figures' / f'{name}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        if figure is None:
            path.unlink(missing_ok=True)  # of an earlier state of the study
            continue
        with replacing(path) as unfinished:
            figure.savefig(unfinished, format='png', dpi=120)
        paths.append(f'figures/{name}.png')
    return paths


def pareto_front(costs: Sequence[float], values: Sequence[float]) -> list[int]:
    """Find what no other beats: nobody is at least as good for at most this cost, and better in one of both.

    Args:
        costs: Smaller is better.
        values: Larger is better.

    Returns:
        Indices, the cheapest first.
    """
    order = sorted(range(len(costs)), key=lambda i: (costs[i], -values[i]))
    front: list[int] = []
    for i in order:
        same = front and costs[i] == costs[front[-1]] and values[i] == values[front[-1]]
        if not front or values[i] > values[front[-1]] or same:
            front.append(i)
    return front


def draw_costs(study: Mapping[str, Any], timing: Mapping[str, Any]) -> Figure | None:
    """Draw the criterion against each cost with 95 % intervals, and the line of those that no other beats."""
    split = _shown_split(study)
    means = [one for one in study['means'] if one['split'] == split and one['mean'] is not None]
    costs = {one['name']: _costs(study, timing, one['name']) for one in means}
    of_parts = parts_of_energy(training_cost(timing, name) for name in costs)
    hidden = {kind for kind, shown in zip(('processor_energy', 'gpu_energy'), of_parts, strict=True) if not shown}
    kinds = [kind for kind in _COSTS if kind not in hidden and any(kind in cost for cost in costs.values())]
    if not kinds:
        return None
    columns = min(3, len(kinds))
    rows = -(-len(kinds) // columns)
    figure = Figure(figsize=(4.4 * columns, 3.6 * rows + 0.5), layout='constrained')
    panels = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
    for panel, kind in zip(panels, kinds, strict=False):
        _draw_cost(panel, [(one, costs[one['name']][kind]) for one in means if kind in costs[one['name']]], study)
        panel.set_xlabel(_COSTS[kind], fontsize=9)
    for panel in panels[len(kinds) :]:
        panel.set_visible(False)
    figure.supylabel(f'{study["criterion"]} on {split}, 95 % interval', fontsize=9)
    entries = [panel.get_legend_handles_labels() for panel in figure.axes]
    unique = {label: handle for handles, labels in entries for handle, label in zip(handles, labels, strict=True)}
    # An inch holds thirteen letters and a symbol, or so.
    fitting = int(4.4 * columns * 13 / (max(map(len, unique)) + 6))
    ncols = min(max(fitting, 1), 4)
    figure.legend(list(unique.values()), list(unique), loc='outside lower center', ncols=ncols, fontsize=8)
    return figure


def _draw_cost(panel: Axes, points: Sequence[tuple[Mapping[str, Any], float]], study: Mapping[str, Any]) -> None:
    names = _names(study)
    for one, cost in points:
        colour, shape = _look(names.index(one['name']))
        if one['low'] is not None:
            panel.plot([cost, cost], [one['low'], one['high']], color=colour, linewidth=1.2)
        panel.plot(cost, one['mean'], shape, color=colour, markersize=6, label=one['name'])
    sign = 1 if study.get('higher_is_better', True) else -1
    front = pareto_front([cost for _, cost in points], [sign * one['mean'] for one, _ in points])
    panel.step(
        [points[i][1] for i in front], [points[i][0]['mean'] for i in front],
        where='post', color='#999999', linewidth=1, zorder=0, label='Pareto front',
    )  # fmt: skip
    # Sizes and times are ratios; with values close to each other a logarithmic axis has no ticks.
    values = [cost for _, cost in points]
    if min(values) > 0 and max(values) > 3 * min(values):
        panel.set_xscale('log')
        _plain_ticks(panel.xaxis)
    else:
        panel.locator_params(axis='x', nbins=5)
    panel.grid(color='#eeeeee')
    panel.set_axisbelow(True)
    panel.spines[['top', 'right']].set_visible(False)


def _plain_ticks(axis: Axis) -> None:
    """Label a logarithmic axis with numbers, few enough to stand beside each other."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter('{x:g}')
    axis.set_minor_formatter(NullFormatter())


def _costs(study: Mapping[str, Any], timing: Mapping[str, Any], name: str) -> dict[str, float]:
    """What is known of a run's costs, in the units of :data:`_COSTS`."""
    found: dict[str, float | None] = {}
    exact: Mapping[str, Any] = next((run['cost'] for run in study['runs'] if run['name'] == name and run['cost']), {})
    found['parameters'] = _scaled(exact.get('parameters'), 1e-6)
    found['multiply_adds'] = _scaled(exact.get('multiply_adds'), 1e-9)
    for one in timing['models'].get(name, {}).get('latency', []):
        found[f'latency_{one["batch"]}'] = one['milliseconds']
    training = training_cost(timing, name)
    found['inference'] = timing['models'].get(name, {}).get('inference_memory_mb')
    found['memory'], found['gpu_memory'] = training.memory_mb, training.gpu_memory_mb
    found['training'] = _scaled(training.seconds, 1 / 60)
    found['energy'] = _scaled(training.joules, 1e-3)
    found['processor_energy'] = _scaled(training.processor_joules, 1e-3)
    found['gpu_energy'] = _scaled(training.gpu_joules, 1e-3)
    return {kind: value for kind, value in found.items() if value is not None}


def draw_curves(curves: Mapping[tuple[str, int], LearningCurve], criterion: str) -> Figure | None:
    """Draw the loss of each run in a panel of its own, since each kind of model has a loss of its own; and validation.

    Args:
        curves: (Run, seed) -> its training; a line for each.
        criterion: What validation gives, drawn for all runs in one panel after the others.
    """
    trained = {key: curve for key, curve in curves.items() if curve.steps}
    if not trained:
        return None
    every = list(dict.fromkeys(name for name, _ in curves))
    names = list(dict.fromkeys(name for name, _ in trained))
    validated = any(curve.validated for curve in trained.values())
    columns = min(5, len(names) + validated)
    rows = -(-(len(names) + validated) // columns)
    figure = Figure(figsize=(1.2 + 2.1 * columns, 0.6 + 1.7 * rows), layout='constrained')
    panels = [figure.add_subplot(rows, columns, place + 1) for place in range(len(names) + validated)]
    for panel, name in zip(panels, names, strict=False):
        own = [curve for (run, _), curve in trained.items() if run == name]
        for curve in own:
            panel.plot(curve.steps, curve.losses, color=_look(every.index(name))[0], linewidth=1, alpha=0.8)
        if min(min(curve.losses) for curve in own) > 0:
            panel.set_yscale('log')
            _plain_ticks(panel.yaxis)
        panel.set_title(name, fontsize=9)
    if validated:
        for (name, _), curve in trained.items():
            colour, shape = _look(every.index(name))
            panels[-1].plot(curve.validated, curve.values, f'{shape}-', color=colour, markersize=3, linewidth=1)
        panels[-1].set_title(f'{criterion} on validation data', fontsize=9)
        panels[-1].set_xlabel('epochs, or iterations', fontsize=8)
    for panel in panels:
        panel.tick_params(labelsize=7)
        panel.grid(color='#eeeeee')
        panel.spines[['top', 'right']].set_visible(False)
    figure.supxlabel('iterations', fontsize=9)
    figure.supylabel('loss', fontsize=9)
    return figure


def draw_budgets(study: Mapping[str, Any]) -> Figure | None:
    """Draw the shares of all error classes of each run side by side, means over seeds, on the inner split."""
    split = _inner_split(study)
    shares = {name: _shares(study, name, split) for name in _names(study)}
    shares = {name: found for name, found in shares.items() if found}
    if not shares:
        return None
    order = [kind for kind in COLOURS if any(found.get(kind) for found in shares.values())]
    figure = Figure(figsize=(8, 1.6 + 0.36 * len(shares)), layout='constrained')
    panel = figure.subplots()
    left = np.zeros(len(shares))
    for kind in order:
        widths = np.array([found.get(kind, 0.0) for found in shares.values()])
        panel.barh(range(len(shares)), widths, left=left, color=COLOURS[kind], label=kind.replace('_', ' '))
        left += widths
    panel.set_yticks(range(len(shares)), list(shares), fontsize=8)
    panel.invert_yaxis()
    panel.set_xlim(0, 1)
    panel.set_xlabel(f'share of labelled joints of {split}, mean over seeds', fontsize=9)
    panel.spines[['top', 'right']].set_visible(False)
    figure.legend(loc='outside lower center', ncols=min(5, len(order)), fontsize=8)
    return figure


def _shares(study: Mapping[str, Any], name: str, split: str) -> dict[str, float]:
    metrics = [run['metrics'][split] for run in study['runs'] if run['name'] == name and split in run['metrics']]
    kinds = dict.fromkeys(key.removeprefix(_SHARE) for one in metrics for key in one if key.startswith(_SHARE))
    means = {kind: _mean(one.get(f'{_SHARE}{kind}') for one in metrics) for kind in kinds}
    return {kind: value for kind, value in means.items() if value is not None}


def draw_calibration(study: Mapping[str, Any]) -> Figure | None:
    """Draw slope and calibration error of persons' and joints' scores of each run, a point for each seed."""
    names = [run['name'] for run in study['runs'] if run['calibration']]
    names = list(dict.fromkeys(names))
    if not names:
        return None
    figure = Figure(figsize=(9, 1.6 + 0.36 * len(names)), layout='constrained')
    panels = figure.subplots(1, 4, sharey=True)
    asked = [(kind, number) for kind in ('persons', 'joints') for number in ('slope', 'ece')]
    for panel, (kind, number) in zip(panels, asked, strict=True):
        panel.axvline(1 if number == 'slope' else 0, color='#999999', linewidth=1)
        for run in study['runs']:
            value = ((run['calibration'] or {}).get(kind) or {}).get(number)
            if value is not None:
                colour, shape = _look(_names(study).index(run['name']))
                panel.plot(value, names.index(run['name']), shape, color=colour, markersize=5, alpha=0.8)
        panel.set_title(f'{kind}: {number if number == "slope" else "ECE"}', fontsize=10)
        panel.grid(axis='x', color='#eeeeee')
        panel.spines[['top', 'right']].set_visible(False)
    panels[0].set_yticks(range(len(names)), names, fontsize=8)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    figure.supxlabel('grey: a score that is the expected similarity', fontsize=8)
    return figure


def draw_forest(study: Mapping[str, Any]) -> Figure | None:
    """Draw the difference of each declared comparison with its interval, margin and verdict."""
    rows = [one for one in study['comparisons'] if one['delta_ap'] is not None]
    if not rows:
        return None
    lines = sum(_plain(one['name']).count('\n') for one in rows)
    figure = Figure(figsize=(9, 1.5 + 0.4 * len(rows) + 0.16 * lines), layout='constrained')
    panel = figure.subplots()
    for place, one in enumerate(rows):
        colour = _VERDICTS.get(one['verdict'], '#555555')
        panel.fill_betweenx([place - 0.3, place + 0.3], -one['margin'], one['margin'], color='#eeeeee', zorder=0)
        if one['low'] is not None:
            panel.plot([one['low'], one['high']], [place, place], color=colour, linewidth=1.6)
        face = colour if one['verdict'] in _VERDICTS else 'white'
        panel.plot(one['delta_ap'], place, 'o', color=colour, markerfacecolor=face)
        panel.annotate(
            one['verdict'], (1.01, place), xycoords=('axes fraction', 'data'), va='center', fontsize=8, color=colour
        )
    panel.axvline(0, color='black', linewidth=0.8)
    labels = [f'{_plain(one["name"])}\n{_plain(one["criterion"])} on {one["split"]}' for one in rows]
    panel.set_yticks(range(len(rows)), labels, fontsize=8)
    panel.set_ylim(len(rows) - 0.5, -0.5)
    panel.set_xlabel('difference with 95 % interval; grey: the margin within which models count as equal', fontsize=9)
    panel.spines[['top', 'right', 'left']].set_visible(False)
    return figure


def _plain(text: str) -> str:
    """A free text for a label: in lines, and without what Matplotlib reads as a formula."""
    return textwrap.fill(text, 36).replace('$', r'\$')


def _names(study: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(run['name'] for run in study['runs']))


def _shown_split(study: Mapping[str, Any]) -> str:
    """The split of the comparisons if anything was tested on it."""
    tested = [one['split'] for one in study['means'] if one['mean'] is not None]
    return study['compare_on'] if study['compare_on'] in tested or not tested else tested[0]


def _inner_split(study: Mapping[str, Any]) -> str:
    splits = list(dict.fromkeys(one['split'] for one in study['means']))
    others = [split for split in splits if split != study['compare_on']]
    return study['choose_on'] or (others or splits)[0]


def _look(index: int) -> tuple[str, str]:
    return _COLOURS[index % len(_COLOURS)], _SHAPES[index // len(_COLOURS) % len(_SHAPES)]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
