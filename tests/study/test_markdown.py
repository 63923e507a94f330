"""study.md of results that are written down here."""

from typing import Any

import pytest

from posescope.study.markdown import markdown


def a_mean(name: str, low: float, high: float, seeds: int = 1) -> dict[str, Any]:
    return {'name': name, 'split': 'dev', 'mean': (low + high) / 2, 'low': low, 'high': high, 'seeds': seeds}


def a_study(means: list[dict], chosen: dict, **more: Any) -> dict[str, Any]:
    run = {'seed': 0, 'status': 'finished', 'reason': '', 'trained': True, 'note': '', 'finding': None, 'cost': None}
    return {
        'name': 'a', 'title': '', 'criterion': 'EPE', 'runs': [{**run, 'name': one['name']} for one in means],
        'means': means, 'comparisons': [], 'chosen': {**chosen, 'criterion': 'EPE'}, **more,
    }  # fmt: skip


@pytest.mark.parametrize('sign', [1, -1])
def test_only_what_overlaps_is_not_settled(sign: int) -> None:
    """Whether higher or lower is better: the best ends at 4.1, the next begins at 4, the last at 5."""
    ends = {'best': (3.9, 4.1), 'near': (4.0, 6.0), 'far': (5.0, 6.0)}
    means = [a_mean(name, *sorted((sign * low, sign * high))) for name, (low, high) in ends.items()]
    text = markdown(a_study(means, means[0]), {'runs': [], 'models': {}})
    assert 'overlaps with that of near:' in text


def test_free_texts_do_not_break_tables() -> None:
    comparison = {
        'name': 'a | b\nof c', 'split': 'dev', 'criterion': 'coco/AP', 'delta_ap': None, 'low': None, 'high': None,
        'p': None, 'p_holm': None, 'images': 3, 'seeds_run': 1, 'seeds_control': 1, 'verdict': 'no | claim',
        'margin': 0.005, 'detectable': None,
    }  # fmt: skip
    mean = a_mean('run', 0, 1)
    text = markdown(a_study([mean], mean, comparisons=[comparison]), {'runs': [], 'models': {}})
    (row,) = (line for line in text.splitlines() if 'of c' in line)
    assert row.startswith('| a \\| b of c | dev |')
    assert row.endswith('| no \\| claim |')


def test_costs_that_nobody_knows_take_no_column() -> None:
    mean = a_mean('run', 0, 1)
    stage = {'peak_memory_mb': 700.0, 'energy_joules': None}
    timing = {
        'runs': [{
            'name': 'run', 'seed': 0, 'training_seconds': 90.0, 'gpu_memory_mb': 153.0, 'stages': {'train': stage},
            'host': {'threads': 2, 'processor': 'Xeon', 'gpu': 'H200'},
        }],
        'models': {'run': {
            'latency': [{'batch': 1, 'threads': 1, 'milliseconds': 4.0}], 'inference_memory_mb': 612.0,
            'host': {'processor': 'EPYC'},
        }},
    }  # fmt: skip
    text = markdown(a_study([mean], mean), timing)
    head = next(line for line in text.splitlines() if line.startswith('| run | seeds'))
    assert [cell.strip() for cell in head.strip('|').split('|')][4:] == [
        'FLOPs (G)', '1 person (ms)', 'memory (MB)', 'training (min)', 'training memory (MB)',
        'training GPU memory (MB)',
    ]  # fmt: skip
    assert '| 4.0 | 612 | 1.5 | 700 | 153 |' in text
    assert 'Trainings had 2 threads on H200, Xeon.' in text
