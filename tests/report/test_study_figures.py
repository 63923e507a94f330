import io
import json
from pathlib import Path

import numpy as np
import pytest

from posescope.report.study_figures import (
    draw_budgets,
    draw_calibration,
    draw_costs,
    draw_curves,
    draw_forest,
    pareto_front,
    write_figures,
)
from posescope.study.learning_curves import LearningCurve


def run(name: str, seed: int, ap: float, parameters: int) -> dict:
    shares = {'diagnosis/share/good': 0.7, 'diagnosis/share/miss': 0.1 + 0.1 * seed, 'diagnosis/share/jitter': 0.1}
    calibration = {kind: {'slope': 0.8, 'ece': 0.1} for kind in ('persons', 'joints')}
    return {
        'name': name, 'seed': seed, 'status': 'finished', 'metrics': {'dev': {'coco/AP': ap, **shares}},
        'calibration': calibration, 'cost': {'parameters': parameters, 'multiply_adds': 10**8},
    }  # fmt: skip


def comparison(name: str, delta: float | None, verdict: str) -> dict:
    ends = {'low': None, 'high': None} if delta is None else {'low': delta - 0.01, 'high': delta + 0.01}
    shared = {'criterion': 'coco/AP', 'split': 'dev', 'margin': 0.005}
    return {'name': name, 'delta_ap': delta, 'verdict': verdict, **ends, **shared}


STUDY = {
    'criterion': 'coco/AP', 'choose_on': 'dev', 'compare_on': 'test',
    'runs': [run('small', 0, 0.5, 10**6), run('small', 1, 0.52, 10**6), run('large', 0, 0.6, 5 * 10**6)],
    'means': [
        {'name': 'small', 'split': 'dev', 'mean': 0.51, 'low': 0.48, 'high': 0.54, 'seeds': 2},
        {'name': 'large', 'split': 'dev', 'mean': 0.6, 'low': None, 'high': None, 'seeds': 1},
    ],
    'comparisons': [
        comparison('large against small', 0.09, 'better'), comparison('a', 0.001, 'undecided'),
        comparison('b', None, ''),
    ],
}  # fmt: skip
STAGE = {'peak_memory_mb': 500.0, 'energy_joules': None}
TIMING = {
    'models': {'small': {'latency': [{'batch': 1, 'threads': 1, 'milliseconds': 4.0}]}, 'large': {'problem': 'none'}},
    'runs': [{'name': 'small', 'training_seconds': 120.0, 'stages': {'train': STAGE}}],
}


def test_pareto_front_against_every_pair() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        costs, values = generator.integers(0, 6, (2, 8)).tolist()

        def beaten(i: int, costs: list = costs, values: list = values) -> bool:
            return any(
                costs[j] <= costs[i] and values[j] >= values[i] and (costs[j] < costs[i] or values[j] > values[i])
                for j in range(8)
            )

        assert sorted(pareto_front(costs, values)) == [i for i in range(8) if not beaten(i)]
    assert pareto_front([], []) == []


def test_costs_with_intervals() -> None:
    figure = draw_costs(STUDY, TIMING)
    panels = [panel for panel in figure.axes if panel.get_visible()]
    assert [panel.get_xlabel() for panel in panels] == [
        'parameters (M)', 'FLOPs (G multiply-adds)', 'one person, one thread (ms)', 'memory of the training (MB)',
        'training (min)',
    ]  # fmt: skip
    lines = {line.get_label(): line for line in panels[0].get_lines()}
    assert list(lines['small'].get_xdata()) == [1.0]
    assert list(lines['Pareto front'].get_xdata()) == [1.0, 5.0]
    interval = next(line for line in panels[0].get_lines() if list(line.get_ydata()) == [0.48, 0.54])
    assert list(interval.get_xdata()) == [1.0, 1.0]
    assert list(panels[4].get_lines()[-1].get_xdata()) == [2.0], 'minutes'
    assert 'dev' in figure.get_supylabel()


def test_budgets_are_means_over_seeds() -> None:
    (panel,) = draw_budgets(STUDY).axes
    widths = {container.get_label(): [bar.get_width() for bar in container] for container in panel.containers}
    assert widths['miss'] == pytest.approx([0.15, 0.1])
    assert widths['good'] == pytest.approx([0.7, 0.7])
    assert [label.get_text() for label in panel.get_yticklabels()] == ['small', 'large']


def test_forest() -> None:
    (panel,) = draw_forest(STUDY).axes
    assert [text.get_text() for text in panel.texts] == ['better', 'undecided']
    points = [line.get_xdata()[0] for line in panel.get_lines() if line.get_marker() == 'o']
    assert points == [0.09, 0.001]


def test_curves() -> None:
    curves = {
        ('a', 0): LearningCurve((10, 20), (3.0, 1.0), (1, 2), (0.1, 0.3)),
        ('a', 1): LearningCurve((10, 20), (3.5, 1.5), (), ()),
        ('given', 0): LearningCurve((), (), (), ()),
        ('b', 0): LearningCurve((10, 20), (30.0, -10.0), (), ()),
    }
    one, other, validation = draw_curves(curves, 'coco/AP').axes
    assert [one.get_title(), other.get_title()] == ['a', 'b'], 'losses of two models have no scale in common'
    assert [list(line.get_ydata()) for line in one.get_lines()] == [[3.0, 1.0], [3.5, 1.5]]
    assert [list(line.get_ydata()) for line in other.get_lines()] == [[30.0, -10.0]]
    assert (one.get_yscale(), other.get_yscale()) == ('log', 'linear')
    assert list(validation.get_lines()[0].get_ydata()) == [0.1, 0.3]


def test_calibration() -> None:
    figure = draw_calibration(STUDY)
    assert [panel.get_title() for panel in figure.axes] == [
        'persons: slope', 'persons: ECE', 'joints: slope', 'joints: ECE',
    ]  # fmt: skip
    assert sum(line.get_marker() not in ('None', '') for line in figure.axes[0].get_lines()) == 3


def test_nothing_is_drawn_of_nothing(tmp_path: Path) -> None:
    empty = {**STUDY, 'runs': [], 'means': [], 'comparisons': []}
    nothing = {'models': {}, 'runs': []}
    assert write_figures(tmp_path, empty, nothing) == []
    paths = write_figures(tmp_path, json.loads(json.dumps(STUDY)), TIMING)
    assert paths == [f'figures/{name}.png' for name in ('forest', 'costs', 'error_budgets', 'calibration')]
    assert write_figures(tmp_path, empty, nothing) == []
    assert list((tmp_path / 'figures').iterdir()) == []


def test_free_texts_and_long_names_stay_readable() -> None:
    """Labels and the legend lie within the picture, and no dollar begins a formula."""
    name = 'a-run-with-a-name-of-nearly-sixty-letters-as-nobody-should-give'
    study = {**STUDY, 'comparisons': [comparison(f'loss $\\a b$ of {name} against {name}', 0.01, 'better')] * 3}
    study['runs'] = [run(f'{name}{i}', 0, 0.5, 10**6 + i) for i in range(30)]
    study['means'] = [{**STUDY['means'][0], 'name': one['name']} for one in study['runs']]
    forest, costs = draw_forest(study), draw_costs(study, {'models': {}, 'runs': []})
    for figure in (forest, costs):
        figure.savefig(io.BytesIO())  # lays it out
    width = costs.bbox.width
    (legend,) = costs.legends
    assert 0 <= legend.get_window_extent().x0 < legend.get_window_extent().x1 <= width
    (panel,) = forest.axes
    assert panel.bbox.width > 100
    assert min(label.get_window_extent().x0 for label in panel.get_yticklabels()) >= 0


def test_memory_of_inference_and_of_a_gpu_are_costs() -> None:
    timing = {**TIMING, 'models': {'small': {'inference_memory_mb': 300.0}}}
    timing['runs'] = [{**TIMING['runs'][0], 'gpu_memory_mb': 153.0}]
    shown = [panel.get_xlabel() for panel in draw_costs(STUDY, timing).axes if panel.get_visible()]
    assert 'memory of inference (MB)' in shown
    assert 'GPU memory of the training (MB)' in shown
