"""Several methods of attribution, made as they are asked for, each under a name of its own."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from posescope.errors import InputError
from posescope.explain.attribution.method import Method
from posescope.explain.attribution.registry import METHODS, build_method
from posescope.explain.named_choice import NamedChoice, choice_of

__all__ = ['Asked', 'asked_methods', 'build_methods', 'named_methods']

Asked = str | Mapping[str, Any] | NamedChoice | Method
"""A method's name, ``dict(type=NAME, OPTION=VALUE)``, the same as a choice, or a method that was made."""


def asked_methods(methods: Asked | Sequence[Asked]) -> list[Asked]:
    """Put one method, or several, into a list."""
    return list(methods) if isinstance(methods, list | tuple) else [methods]  # type: ignore[list-item]


def build_methods(
    methods: Asked | Sequence[Asked],
    layer: str | None = None,
    batch_size: int = 16,
    usual_layer: str | None = None,
) -> tuple[Method, ...]:
    """Make methods; what is a method already stays.

    Args:
        methods: One or several.
        layer: Where those look that are made here, take a layer, and do not say one themselves.
        batch_size: Of those that are made here and do not say one themselves.
        usual_layer: Where they look if ``layer`` is None.

    Raises:
        InputError: There is no such method or option, a method is there twice, or none of them takes the layer.
    """
    made: list[Method] = []
    for asked in asked_methods(methods):
        if isinstance(asked, Method):
            made.append(asked)
            continue
        choice = asked if isinstance(asked, NamedChoice) else choice_of(asked, 'method')
        choice.check('method', METHODS)
        options: dict[str, Any] = {'batch_size': batch_size}
        if METHODS[choice.name].takes_layer:
            options['layer'] = layer or usual_layer
        made.append(build_method(choice.name, **{**options, **choice.options}))
    if not made:
        raise InputError(f'methods=[] has to name one or more of {", ".join(METHODS)}')
    named_methods(made)  # refuses one that is there twice
    if layer is not None and not any(method.takes_layer for method in made):
        with_layer = [name for name, kind in METHODS.items() if kind.takes_layer]
        raise InputError(
            f"layer '{layer}' is of no use to {', '.join(method.name for method in made)}; methods that look at a "
            f'layer: {", ".join(with_layer)}'
        )
    return tuple(made)


def named_methods(methods: Sequence[Method]) -> dict[str, Method]:
    """Give each method a name that no other has, fit for a file's name.

    It is the method's own where that is there once. Where it is there several times, what they differ in follows:
    ``integrated_gradients-baseline-mean`` and ``integrated_gradients-baseline-blur``.

    Raises:
        InputError: Two do not differ, but perhaps in ``batch_size``, which changes no result.
    """
    found: dict[str, Method] = {}
    for method in methods:
        alike = [vars(other) for other in methods if other.name == method.name]
        differing = [
            option
            for option in dict.fromkeys(option for each in alike for option in each)
            if option != 'batch_size' and any(each.get(option) != alike[0].get(option) for each in alike)
        ]
        own = vars(method)
        name = '-'.join([method.name, *(f'{option}-{_plain(own.get(option))}' for option in differing)])
        if name in found:
            names = ', '.join(each.name for each in methods)
            raise InputError(
                f"methods {names}: '{name}' is there twice; name different ones of {', '.join(METHODS)}, or give them "
                'different options'
            )
        found[name] = method
    return found


def _plain(value: Any) -> str:
    """A value as part of a file's name."""
    if isinstance(value, Mapping):
        value = [part for pair in value.items() for part in pair]
    if isinstance(value, Iterable) and not isinstance(value, str):
        return '-'.join(map(_plain, value))
    return re.sub(r'[^\w.+-]+', '_', str(value)).strip('_')
