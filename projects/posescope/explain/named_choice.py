"""Methods and targets as somebody asks for them: a name, or a name and options."""

import inspect
import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union, get_args, get_origin, get_type_hints

from posescope.errors import InputError, nearest

__all__ = ['NamedChoice', 'choice_of', 'choices_of']


@dataclass(frozen=True)
class NamedChoice:
    """What was asked for.

    Attributes:
        name: Of the method or target.
        options: Of its class, by name.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def check(self, what: str, classes: Mapping[str, type]) -> None:
        """Refuse what does not exist, and options that the class does not take.

        Args:
            what: ``'method'`` or ``'target'``, for a message.
            classes: Those that exist, by name. Their constructors' annotations tell what options may be.

        Raises:
            InputError: With the nearest that does exist.
        """
        if self.name not in classes:
            raise InputError(f"{what} '{self.name}' does not exist (nearest: {nearest(self.name, classes)})")
        takes = _options(classes[self.name])
        for option, value in self.options.items():
            if option in takes:
                if not _fits(value, takes[option]):
                    raise InputError(f"{what} '{self.name}': {option}={value!r} has to be {_in_words(takes[option])}")
            elif '' not in takes:
                known = f'nearest: {nearest(option, takes)}' if takes else 'it has none'
                raise InputError(f"{what} '{self.name}' has no option '{option}' ({known})")


def choice_of(value: Any, what: str) -> NamedChoice:
    """Read a name, or ``dict(type=NAME, OPTION=VALUE, …)`` as configs have it.

    Args:
        value: What stands in the config.
        what: ``'method'`` or ``'target'``, for a message.

    Raises:
        InputError: It is neither.
    """
    if isinstance(value, str):
        return NamedChoice(value)
    if not isinstance(value, Mapping):
        raise InputError(f"{what}={value!r} has to be a name or dict(type='NAME', OPTION=VALUE)")
    options = {str(key): option for key, option in value.items() if key != 'type'}
    name = value.get('type')
    if not isinstance(name, str):
        raise InputError(f"{what}={dict(value)!r} needs its name as type: dict(type='NAME', OPTION=VALUE)")
    return NamedChoice(name, options)


def choices_of(value: Any, what: str) -> list[NamedChoice]:
    """Read one, see :func:`choice_of`, or several in a list.

    Raises:
        InputError: It is neither, or the list is empty.
    """
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        if not value:
            raise InputError(f'{what}=[] is empty: name at least one')
        return [choice_of(one, what) for one in value]
    return [choice_of(value, what)]


def _options(kind: type) -> dict[str, Any]:
    """Types of what a class takes, by name; '' stands for any further name."""
    if kind.__init__ is object.__init__:  # type: ignore[misc]
        return {}
    hints = get_type_hints(kind.__init__)  # type: ignore[misc]
    return {
        '' if parameter.kind is parameter.VAR_KEYWORD else name: hints.get(name, Any)
        for name, parameter in inspect.signature(kind).parameters.items()
    }


def _fits(value: Any, wanted: Any) -> bool:
    """Whether a value is of an annotated type; whole numbers are numbers, truth values are none."""
    if wanted is Any:
        return True
    if get_origin(wanted) in (Union, types.UnionType):
        return any(_fits(value, one) for one in get_args(wanted))
    if get_origin(wanted) is tuple:
        parts = get_args(wanted)
        return (
            isinstance(value, tuple | list)
            and len(value) == len(parts)
            and all(_fits(one, part) for one, part in zip(value, parts, strict=True))
        )
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return value is None if wanted in (None, type(None)) else isinstance(value, wanted)


_WORDS = {int: 'a whole number', float: 'a number', str: 'a name', bool: 'true or false', type(None): 'None'}


def _in_words(wanted: Any) -> str:
    """Say what an annotated type is."""
    if get_origin(wanted) in (Union, types.UnionType):
        return ' or '.join(_in_words(one) for one in get_args(wanted))
    if get_origin(wanted) is tuple:
        return f'{len(get_args(wanted))} numbers'
    return _WORDS.get(wanted, str(wanted))
