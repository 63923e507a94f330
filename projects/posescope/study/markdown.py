"""``study.md``: what a study found, to be read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from posescope.evaluation.seeds import LEAST_SEEDS
from posescope.study.record import FINISHED
from posescope.study.thread_counts import differing_threads
from posescope.study.training_cost import TrainingCost, parts_of_energy, training_cost

__all__ = ['markdown']

_MISSING = '–'
_PIPE = r'\|'


def markdown(study: Mapping[str, Any], timing: Mapping[str, Any], figures: Sequence[str] = ()) -> str:
    """Lay a study out.

    Args:
        study: Content of ``study.json``.
        timing: Content of ``timing.json``.
        figures: Paths of pictures, relative to the study's folder.
    """
    parts = [f'# {study["name"]}', study['title'], *_state(study)]
    parts += ['## Runs', _runs(study, timing), *_notes(study, timing)]
    if study['comparisons']:
        parts += ['## Comparisons', _comparisons(study), *_remarks(study)]
    if study['chosen'] is not None:
        parts += ['## Choice', _choice(study)]
    parts += ['## Figures', *(f'![{_caption(path)}]({path})' for path in figures)] if figures else []
    return '\n\n'.join(part for part in parts if part) + '\n'


def _state(study: Mapping[str, Any]) -> list[str]:
    runs = study['runs']
    finished = sum(run['status'] == FINISHED for run in runs)
    lines = [f'{finished} of {len(runs)} trainings and tests are finished.']
    lines += [
        f'- **{run["name"]}, seed {run["seed"]}: {run["status"]}**' + (f': {run["reason"]}' if run['reason'] else '')
        for run in runs
        if run['status'] != FINISHED
    ]
    return [lines[0], '\n'.join(lines[1:])]


def _runs(study: Mapping[str, Any], timing: Mapping[str, Any]) -> str:
    names = list(dict.fromkeys(run['name'] for run in study['runs']))
    splits = list(dict.fromkeys(one['split'] for one in study['means']))
    metric = study['criterion'].removeprefix('coco/')
    head = ['run', 'seeds', *(f'{metric} on {split}' for split in splits), 'parameters (M)', 'FLOPs (G)']
    trainings = {name: training_cost(timing, name) for name in names}
    energies = parts_of_energy(trainings.values())
    costs = {name: _measured(timing, name, trainings[name], energies) for name in names}
    # What nobody knows of any run (of a GPU, of energy, of a training where there was none) needs no column.
    measured = [what for what in next(iter(costs.values())) if any(cost[what] != _MISSING for cost in costs.values())]
    rows = []
    for name in names:
        means = {one['split']: one for one in study['means'] if one['name'] == name}
        known = [run['cost'] for run in study['runs'] if run['name'] == name and run['cost']]
        cost: Mapping[str, Any] = known[0] if known else {}
        rows.append(
            [
                name,
                str(max(one['seeds'] for one in means.values())),
                *(_with_interval(means[split]) for split in splits),
                _number(cost.get('parameters'), 1e-6, 2),
                _number(cost.get('multiply_adds'), 1e-9, 3),
                *(costs[name][what] for what in measured),
            ]
        )
    return _table([*head, *measured], rows)


def _measured(
    timing: Mapping[str, Any], name: str, training: TrainingCost, energies: tuple[bool, bool]
) -> dict[str, str]:
    """What a clock, the system and a meter said, by heading.

    Args:
        timing: Content of ``timing.json``.
        name: Of the run.
        training: Of the run.
        energies: Whether the energy of processors is shown by itself, and that of GPUs.
    """
    model = timing['models'].get(name, {})
    latency = {one['batch']: one['milliseconds'] for one in model.get('latency', [])}
    of_processors, of_gpus = energies
    return {
        '1 person (ms)': _number(latency.get(1), 1, 1),
        '32 people (ms)': _number(latency.get(32), 1, 0),
        'memory (MB)': _number(model.get('inference_memory_mb'), 1, 0),
        'training (min)': _number(training.seconds, 1 / 60, 1),
        'training memory (MB)': _number(training.memory_mb, 1, 0),
        'training GPU memory (MB)': _number(training.gpu_memory_mb, 1, 0),
        'training energy (kJ)': _number(training.joules, 1e-3, 1),
        'training CPU energy (kJ)': _number(training.processor_joules if of_processors else None, 1e-3, 1),
        'training GPU energy (kJ)': _number(training.gpu_joules if of_gpus else None, 1e-3, 1),
    }


def _notes(study: Mapping[str, Any], timing: Mapping[str, Any]) -> list[str]:
    threads = {run['host'].get('threads') for run in timing['runs']} - {None}
    processors = sorted(
        {run['host'][kind] for run in timing['runs'] for kind in ('gpu', 'processor') if run['host'].get(kind)}
    )
    measured = [model for model in timing['models'].values() if model.get('latency')]
    batch = {one['threads'] for model in measured for one in model['latency'] if one['batch'] != 1}
    of_all = [
        'Intervals are 95 %: over seeds and images where there are several seeds, over images alone where there is '
        'one, and then they are of these weights. FLOPs: multiply-adds for one person up to what the head gives to '
        'its decoding.'
    ]
    trained = any(run['trained'] for run in study['runs'])
    if trained:
        of_all.append(
            'Training: number of steps times the median step, median over seeds. Training memory: the largest '
            'resident set of one.'
        )
    if batch:
        of_all.append(
            f'One person is predicted on one thread, 32 people with a thread count of {_listed(batch)}, from crops to '
            f'joints{_on(measured)}, with what the config does at test time (a mirrored picture doubles the time, not '
            'the FLOPs). Memory: the largest resident set of that.'
        )
    if threads and trained:
        of_all.append(
            f'Trainings had {_listed(threads)} thread{"" if threads == {1} else "s"} on {", ".join(processors)}.'
        )
    lines = []
    problems = {name: model['problem'] for name, model in timing['models'].items() if model.get('problem')}
    lines += [f'The cost of {name} could not be measured: {problem}.' for name, problem in problems.items()]
    differing = differing_threads((f'{run["name"]} seed {run["seed"]}', run['host']) for run in timing['runs'])
    lines += [differing] if differing else []
    lines += [f'{run["name"]}: {run["note"]}' for run in _firsts(study) if run['note']]
    lines += [f'{run["name"]} answers {run["finding"]}.' for run in _firsts(study) if run['finding']]
    return [' '.join(of_all), '\n'.join(f'- {line}' for line in lines)]


def _firsts(study: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A row for each run, whatever its seeds."""
    return list({run['name']: run for run in reversed(study['runs'])}.values())[::-1]


def _comparisons(study: Mapping[str, Any]) -> str:
    head = ['comparison', 'split', 'criterion', 'difference', '95 % interval', 'p (Holm)', 'images', 'seeds', 'verdict']
    rows = []
    for one in study['comparisons']:
        interval = _MISSING if one['low'] is None else f'{one["low"]:+.4f} to {one["high"]:+.4f}'
        p = one['p'] if one['p_holm'] is None else one['p_holm']
        rows.append(
            [
                one['name'],
                one['split'],
                one['criterion'].removeprefix('coco/'),
                _MISSING if one['delta_ap'] is None else f'{one["delta_ap"]:+.4f}',
                interval,
                _MISSING if p is None else '< .0001' if p < 1e-4 else f'{p:.4f}',
                str(one['images']),
                f'{one["seeds_run"]} and {one["seeds_control"]}',
                one['verdict'],
            ]
        )
    return _table(head, rows)


def _remarks(study: Mapping[str, Any]) -> list[str]:
    count = len(study['comparisons'])
    margins = _listed({one['margin'] for one in study['comparisons']})
    lines = [
        f'{count} comparison{" was" if count == 1 else "s were"} declared beforehand and corrected together. *Equal '
        f'within margin* means a difference of less than {margins}; *undecided* means that neither a difference '
        'nor equality could be shown.'
    ]
    found = [one for one in study['comparisons'] if one['detectable'] is not None]
    lines += [
        f'A repetition of {one["name"]} would find a difference of {one["detectable"]:.4f} with a probability of 80 %.'
        for one in found
    ]
    if any(min(one['seeds_run'], one['seeds_control']) < LEAST_SEEDS for one in study['comparisons']):
        lines.append(f'With fewer than {LEAST_SEEDS} seeds on a side nothing is claimed about a way of training.')
    return ['\n'.join(f'- {line}' for line in lines)]


def _choice(study: Mapping[str, Any]) -> str:
    best = study['chosen']
    split = best['split']
    others = [one for one in study['means'] if one['split'] == split and one['name'] != best['name']]
    close = [one['name'] for one in others if _overlap(one, best)]
    text = f'Best {best["criterion"]} on {split}: **{best["name"]}**, {_with_interval(best)}.'
    if close:
        text += f' Its interval overlaps with that of {", ".join(close)}: the order of these is not settled.'
    planned = Counter(run['name'] for run in study['runs'])
    lacking = [one['name'] for one in others if one['seeds'] < planned[one['name']]]
    if lacking:
        text += f' Not considered, as a seed of theirs has no result: {", ".join(lacking)}.'
    return text


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if None in (one['low'], one['high'], other['low'], other['high']):
        return False
    return bool(one['low'] <= other['high'] and other['low'] <= one['high'])


def _on(measured: Sequence[Mapping[str, Any]]) -> str:
    """Where costs of models were measured."""
    processors = sorted({model.get('host', {}).get('processor', '') for model in measured} - {''})
    return f', on {" or ".join(processors)}' if processors else ''


def _with_interval(one: Mapping[str, Any]) -> str:
    if one['mean'] is None:
        return _MISSING
    interval = '' if one['low'] is None else f' ({one["low"]:.3f} to {one["high"]:.3f})'
    return f'{one["mean"]:.3f}{interval}'


def _number(value: float | None, factor: float, digits: int) -> str:
    return _MISSING if value is None else f'{value * factor:.{digits}f}'


def _listed(values: set[Any]) -> str:
    return ' or '.join(f'{value:g}' for value in sorted(values))


def _caption(path: str) -> str:
    return path.rpartition('/')[2].partition('.')[0].replace('_', ' ')


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [_row(head), f'|{" --- |" * len(head)}', *map(_row, rows)]
    return '\n'.join(lines)


def _row(cells: Sequence[str]) -> str:
    """Names are free texts, which may hold what would end a cell or a row."""
    return f'| {" | ".join(" ".join(cell.split()).replace("|", _PIPE) for cell in cells)} |'
