"""The config of one trial, resolved to plain text, and what identifies a trial."""

import ast
import copy
import hashlib
import inspect
import pprint
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.runner import Runner

from posescope.engine.config import load_config
from posescope.errors import InputError, nearest
from posescope.study.plan import RunPlan, StudyPlan
from posescope.study.tested_data import START, refuse_reading_tests

__all__ = ['SEED', 'TrialConfig', 'first_difference', 'resolve']

SEED = '{seed}'
"""What stands in options for the seed of a trial."""

_OF_RUNNER = frozenset(inspect.signature(Runner.__init__).parameters) - {'self', 'work_dir', 'cfg'} | {'interpret'}
"""What a config may be given although it does not have it yet."""


@dataclass(frozen=True)
class TrialConfig:
    """A config without inheritance.

    Attributes:
        content: As plain dicts, lists, numbers and texts.
        text: The same as a Python file.
        digest: SHA-256 of the text, which is the same wherever the config is.
    """

    content: dict[str, Any]
    text: str
    digest: str

    def after(self, start: Path | None) -> str:
        """Give the text for a trial.

        Args:
            start: Folder of the trial that it starts from, for which ``{start}`` stands; None if there is none.
        """
        return self.text if start is None else _text(_filled(self.content, START, str(start)))


def resolve(plan: StudyPlan, run: RunPlan) -> dict[int, TrialConfig]:
    """Load a run's config and apply budget, options and seeds.

    Returns:
        A config for each seed.

    Raises:
        InputError: The config does not load, an option does not fit, or it holds what cannot be written down.
    """
    cfg = load_config(run.config)
    for options, what in ((plan.budget, 'budget'), (run.options, 'options')):
        for key in options:
            if not isinstance(key, str):
                raise InputError(f'{what} of config {run.config}: {key!r} is no name of a setting')
            first = key.partition('.')[0]
            if first not in cfg and first not in _OF_RUNNER:
                raise InputError(f'{what} {key}: config {run.config} has no {first} (nearest: {nearest(first, cfg)})')
        try:
            cfg.merge_from_dict(copy.deepcopy(options))
        except (KeyError, TypeError, AssertionError, IndexError) as error:
            raise InputError(f'{what} of config {run.config}: {" ".join(str(error).split())}') from error
    content = _plain(cfg.to_dict())
    content.pop('work_dir', None)  # where something is written changes nothing
    _check_plain(content, run)
    configs = {seed: _filled(content, SEED, seed) for seed in run.seeds}
    for one in configs.values() if SEED in repr(content) else [content]:
        refuse_reading_tests(plan, one, run)
    return {seed: _with_seed(one, seed) for seed, one in configs.items()}


def _with_seed(content: dict[str, Any], seed: int) -> TrialConfig:
    content = {**content, 'randomness': {**(content.get('randomness') or {}), 'seed': seed}}
    text = _text(content)
    return TrialConfig(content, text, hashlib.sha256(text.encode()).hexdigest())


def _text(content: Mapping[str, Any]) -> str:
    return ''.join(f'{key} = {pprint.pformat(value, width=120)}\n' for key, value in sorted(content.items()))


def _filled(value: Any, word: str, known: str | int) -> Any:
    """The same with what is known now wherever a text says a word; a text that is the word alone becomes it."""
    if isinstance(value, Mapping):
        return {key: _filled(one, word, known) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_filled(one, word, known) for one in value)
    if value == word:
        return known
    return value.replace(word, str(known)) if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    """Put classes as their full names, by which registries find them, and everything else as built-in types."""
    if isinstance(value, Mapping):
        return {key: _plain(value[key]) for key in value}
    if isinstance(value, list | tuple):
        plain = [_plain(one) for one in value]
        return plain if isinstance(value, list) else tuple(plain)
    return f'{value.__module__}.{value.__qualname__}' if isinstance(value, type) else value


def _check_plain(value: Any, run: RunPlan, key: str = '') -> None:
    """Refuse what a file in Python cannot say without imports; functions and numbers that are not finite, say."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            _check_plain(one, run, f'{key}.{name}'.removeprefix('.'))
        return
    if isinstance(value, list | tuple):
        for place, one in enumerate(value):
            _check_plain(one, run, f'{key}.{place}')
        return
    try:
        ast.literal_eval(repr(value))
    except (SyntaxError, ValueError) as error:
        kind = type(value).__name__
        shown = f'the number {value}' if isinstance(value, float) else f'a {kind}'
        raise InputError(f'config {run.config} holds what has no plain text: {key} is {shown}') from error


def first_difference(old: Any, new: Any, path: str = '') -> str:
    """Say where two configs differ first, as ``key: old → new``; empty if they are equal."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return next(filter(None, _of_keys(old, new, path)), '')
    # JSON keeps no difference between tuples and lists.
    if isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):
        rows = (first_difference(a, b, f'{path}.{i}') for i, (a, b) in enumerate(zip(old, new, strict=True)))
        return next(filter(None, rows), '')
    return '' if old == new else f'{path}: {_short(old)} → {_short(new)}'


def _of_keys(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> Iterator[str]:
    for key in dict.fromkeys([*old, *new]):
        inner = f'{path}.{key}'.removeprefix('.')
        if key not in old or key not in new:
            yield f'{inner}: {"only now" if key in new else "no longer"}'
        else:
            yield first_difference(old[key], new[key], inner)


def _short(value: Any) -> str:
    text = ' '.join(repr(value).split())
    return text if len(text) <= 40 else f'{text[:39]}…'
