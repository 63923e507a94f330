"""Methods and targets as they are typed: ``hirescam,integrated_gradients:baseline=blur,steps=100``."""

import re
from typing import Any

from posescope.errors import InputError
from posescope.explain.named_choice import NamedChoice

__all__ = ['read_choice', 'read_choices']

_WITH_OPTION = re.compile(r'([^:=]+):(.*)')
_OPTION = re.compile(r'\s*(\w+)\s*=\s*(.+?)\s*')
_WORDS = {'true': True, 'false': False, 'none': None}


def read_choices(text: str, what: str) -> list[NamedChoice]:
    """Read names between commas, each with options behind a colon.

    What follows a comma is another option where it has an equals sign, another number of an option's value where it is
    one (``displacement:direction=0,1``), and another name elsewhere.

    Args:
        text: What was typed.
        what: ``'method'`` or ``'target'``, for a message.

    Raises:
        InputError: An option stands where there is no name before it.
    """
    found: list[tuple[str, dict[str, Any]]] = []
    for part in (part.strip() for part in text.split(',') if part.strip()):
        named = _WITH_OPTION.fullmatch(part)
        if named is not None:
            found.append((named[1].strip(), {}))
        options = found[-1][1] if found else {}
        option = _OPTION.fullmatch(part if named is None else named[2])
        if option is not None and (named is not None or options):
            options[option[1]] = _value(option[2])
        elif named is not None or '=' in part:
            raise InputError(f"{what} '{part}' has to be NAME or NAME:OPTION=VALUE,OPTION=VALUE")
        elif options and isinstance(_value(part), int | float):
            last = [*options][-1]
            before = options[last] if isinstance(options[last], tuple) else (options[last],)
            options[last] = (*before, _value(part))
        else:
            found.append((part, {}))
    return [NamedChoice(name, options) for name, options in found]


def read_choice(text: str, what: str) -> NamedChoice:
    """Read one, see :func:`read_choices`.

    Raises:
        InputError: There is none, or there are several.
    """
    found = read_choices(text, what)
    if len(found) != 1:
        names = ', '.join(choice.name for choice in found)
        raise InputError(f"one {what} is explained at a time, and '{text}' names {names or 'none'}")
    return found[0]


def _value(text: str) -> Any:
    """A number, true, false, none, or the text itself."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
