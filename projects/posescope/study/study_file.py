"""Reads a study file: an MMEngine config with a dict ``study``."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from posescope.engine.config import load_config
from posescope.errors import InputError, nearest
from posescope.evaluation.comparison import MARGIN
from posescope.study.checks import COMPARABLE, check, check_files, lacking
from posescope.study.plan import ComparisonPlan, Noise, RunPlan, Split, StudyPlan

__all__ = ['plan_of', 'read_study']

_TEXT = 'a text'
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    'text': ((str,), _TEXT),
    'text?': ((str, type(None)), f'{_TEXT} or None'),
    'bool': ((bool,), 'True or False'),
    'number': ((int, float), 'a number'),
    'count?': ((int, type(None)), 'a whole number or None'),
    'dict': ((dict,), 'a dict'),
    'dict?': ((dict, type(None)), 'a dict or None'),
    'list': ((list, tuple), 'a list'),
    'interpret': ((bool, str), 'True, False or the path of a config'),
}
_STUDY = {
    'name': 'text', 'title': 'text', 'splits': 'dict', 'budget': 'dict', 'seeds': 'list', 'start': 'text?',
    'runs': 'list', 'comparisons': 'list', 'criterion': 'text', 'higher_is_better': 'bool',
    'choose_on': 'text?', 'compare_on': 'text',
    'margin': 'number', 'paired': 'bool', 'validate': 'bool', 'calibrate': 'bool', 'cost': 'bool', 'threads': 'count?',
    'resamples': 'count?', 'noise': 'dict?',
}  # fmt: skip
_RUN = {
    'name': 'text', 'config': 'text', 'options': 'dict', 'seeds': 'list', 'start': 'text?', 'train': 'bool',
    'finding': 'text?', 'controls': 'list', 'interpret': 'interpret', 'note': 'text',
}  # fmt: skip
_COMPARISON = {
    'name': 'text', 'run': 'text', 'control': 'text', 'split': 'text', 'criterion': 'text', 'margin': 'number',
    'paired': 'bool',
}  # fmt: skip
_SPLIT = {
    'annotations': 'text',
    'images': 'text',
    'boxes': 'text?',
    'units': 'text?',
    'note': 'text',
    'optional': 'bool',
}


def read_study(path: str, *, files: bool = True) -> StudyPlan:
    """Read a study file and check everything that can be checked before a run starts.

    Args:
        path: Of the file.
        files: Whether the splits' files have to be there, as they need not to look at a plan.

    Raises:
        InputError: The file is missing or no Python, or the study in it makes no sense; one line says where.
    """
    content = load_config(path).to_dict().get('study')
    if not isinstance(content, dict):
        raise InputError(f'{path} declares no study: it takes study = dict(name=…, splits=…, runs=[…])')
    return plan_of(content, path, files=files)


def plan_of(content: Mapping[str, Any], where: str = 'study', *, files: bool = True) -> StudyPlan:
    """Make a plan of the dict ``study``.

    Args:
        content: As the file has it.
        where: What to call it in messages.
        files: See :func:`read_study`.

    Raises:
        InputError: See :func:`read_study`.
    """
    given = _take(content, _STUDY, where, ('splits', 'runs'))
    name = given.get('name', Path(where).stem)
    splits = _splits(given['splits'], where)
    runs = [_run(value, given, f'{where}, run {i + 1}') for i, value in enumerate(given['runs'])]
    compare_on = given.get('compare_on', 'test' if 'test' in splits or not splits else next(iter(splits)))
    noise = given.get('noise')
    plan = StudyPlan(
        name,
        {run.name: run for run in runs},
        splits,
        _comparisons(runs, given, compare_on, where),
        compare_on=compare_on,
        noise=None if noise is None else Noise(**_numbers(noise, ('seeds', 'images'), f'{where}, noise')),
        **{
            key: given[key]
            for key in ('criterion', 'higher_is_better', 'choose_on', 'budget', 'validate', 'calibrate', 'cost')
            if key in given
        },
        **{key: given[key] for key in ('threads', 'resamples', 'title') if given.get(key) is not None},
    )
    check(plan, runs, where)
    if files:
        check_files(plan, where)
    return plan


def _take(content: Any, keys: Mapping[str, str], where: str, needed: tuple[str, ...]) -> dict[str, Any]:
    """Return the content of a dict, all of whose keys are known and whose values have the right kind."""
    if not isinstance(content, Mapping):
        raise InputError(f'{where}: it takes a dict, not {content!r}')
    for key, value in content.items():
        if key not in keys:
            raise InputError(f'{where}: there is no {key} (nearest: {nearest(str(key), keys)})')
        kinds, text = _KINDS[keys[key]]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise InputError(f'{where}: {key} takes {text}, not {value!r}')
    for key in needed:
        if key not in content:
            raise InputError(f'{where} lacks {key}')
    return dict(content)


def _splits(content: Mapping[str, Any], where: str) -> dict[str, Split]:
    """All splits, but for optional ones whose files are not there."""
    splits = {}
    for name, value in content.items():
        needed = 'annotations', 'images'
        given = {} if value is None else _take(value, _SPLIT, f'{where}, split {name}', needed)
        optional = given.pop('optional', False)
        split = Split(name, **given)
        if not (optional and lacking(split)):
            splits[name] = split
    return splits


def _run(content: Any, study: Mapping[str, Any], where: str) -> RunPlan:
    if isinstance(content, Mapping) and isinstance(content.get('name'), str):
        where = f'{where} ({content["name"]})'
    given = _take(content, _RUN, where, ('name', 'config'))
    return RunPlan(
        **{
            **given,
            'seeds': _tuple_of(
                _seeds(given, study), lambda one: type(one) is int and one >= 0, 'numbers from 0', f'{where}, seeds'
            ),
            'controls': _tuple_of(
                given.get('controls', ()), lambda one: isinstance(one, str), 'names of runs', f'{where}, controls'
            ),
            # The run that all others start from does not start from itself.
            'start': given.get('start', None if study.get('start') == given['name'] else study.get('start')),
        }
    )


def _seeds(given: Mapping[str, Any], study: Mapping[str, Any]) -> Any:
    """Seeds of a run: those that it or the study says; without training, one for all weights that its start has."""
    of_study = study.get('seeds', [0])
    if given.get('train', True):
        return given.get('seeds', of_study)
    runs = {one.get('name'): one for one in study['runs'] if isinstance(one, Mapping)}
    start = runs.pop(given.get('start', study.get('start')), None)
    if start is None:
        return [0]  # given weights involve no chance, so there is nothing to repeat
    # Without the start among the runs, two that start from each other come to an end here; checks refuse them.
    of_start = _seeds(start, {**study, 'runs': list(runs.values())})
    return given.get('seeds', of_start) if start.get('train', True) else of_start


def _tuple_of(values: Any, fits: Callable[[Any], bool], what: str, where: str) -> tuple[Any, ...]:
    """Return values as a tuple, all of which fit and none of which stands twice."""
    if not isinstance(values, list | tuple):
        raise InputError(f'{where}: it takes a list of {what}, not {values!r}')
    if not all(fits(value) for value in values) or len(set(values)) < len(values):
        raise InputError(f'{where}: it takes different {what}, not {list(values)!r}')
    return tuple(values)


def _numbers(content: Any, keys: tuple[str, ...], where: str) -> dict[str, float]:
    given = _take(content, dict.fromkeys(keys, 'number'), where, keys)
    for key, value in given.items():
        if not value >= 0:
            raise InputError(f'{where}: {key} takes a standard deviation, 0 or more, not {value!r}')
    return given


def _comparisons(
    runs: list[RunPlan], study: Mapping[str, Any], compare_on: str, where: str
) -> tuple[ComparisonPlan, ...]:
    """Those that are listed, then those that follow from the controls of runs."""
    criterion = study.get('criterion', 'coco/AP')
    defaults = {
        'split': compare_on,
        # Runs may be ranked by what cannot be resampled; they are compared by AP then.
        'criterion': criterion if criterion in COMPARABLE else 'coco/AP',
        'margin': study.get('margin', MARGIN),
        'paired': study.get('paired', False),
    }
    found = []
    for i, content in enumerate(study.get('comparisons', [])):
        given = _take(content, _COMPARISON, f'{where}, comparison {i + 1}', ('run', 'control'))
        found.append(ComparisonPlan(**{'name': f'{given["run"]} against {given["control"]}', **defaults, **given}))
    listed = {(one.run, one.control, one.split, one.criterion) for one in found}
    for run in runs:
        for control in run.controls:
            if (run.name, control, defaults['split'], defaults['criterion']) not in listed:
                found.append(ComparisonPlan(f'{run.name} against {control}', run.name, control, **defaults))
    return tuple(found)
