"""Which modules, and which of their outputs, the patterns of a config name."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from posescope.capture.outputs import Path, path_name
from posescope.errors import CaptureError, InputError, nearest

__all__ = ['Layer', 'find_layers', 'named_layers', 'unwrapped']

_PATTERN = re.compile(r'(?P<module>.*?)(?::(?P<method>\w+))?(?P<choice>(?:\[[^\[\]]+\])*)')
_WILDCARDS = re.compile(r'[*?\[]')


@dataclass(frozen=True)
class Layer:
    """A method of a module, and which of the tensors that it gives are wanted.

    Attributes:
        name: ``backbone.layer4``, or ``backbone:extract_feat`` for a method other than forward.
        module: The module.
        method: Name of the method.
        choices: Paths to the outputs that are wanted, where ``'*'`` stands for any step; none for all outputs.
    """

    name: str
    module: nn.Module
    method: str
    choices: tuple[Path, ...] = ()

    def wants(self, path: Path) -> bool:
        """Whether an output is wanted: one that was chosen, or that lies in something which was chosen."""
        return not self.choices or any(_leads_to(choice, path) for choice in self.choices)

    def check(self, paths: Sequence[Path]) -> None:
        """Refuse choices that are none of the outputs.

        Args:
            paths: Of all tensors that the layer gave.

        Raises:
            InputError: It gave no tensor at all, or none for a choice.
        """
        if not paths:
            raise InputError(f'{self.name or "the model"} gives no tensors, so there is nothing to read')
        for choice in self.choices:
            if not any(_leads_to(choice, path) for path in paths):
                given = ', '.join(self.name + path_name(path) for path in paths)
                raise InputError(f'{self.name}{path_name(choice)} is none of its outputs, which are {given}')


def unwrapped(model: nn.Module) -> nn.Module:
    """Take a module out of whatever distributes or compiles it.

    Raises:
        CaptureError: It runs as copies on several devices.
    """
    while True:
        if isinstance(model, DataParallel) and len(model.device_ids) > 1:
            raise CaptureError('DataParallel runs copies, which nothing can look into: start one process for each GPU')
        inner = model._modules.get('_orig_mod')  # what torch.compile wraps
        if isinstance(model, DataParallel | DistributedDataParallel):
            inner = model.module
        if inner is None:
            return model
        model = inner


def named_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Name all modules as if nothing in the model were distributed or compiled.

    A module that stands in several places has several names. The model itself is named by the empty string.
    """
    layers: dict[str, nn.Module] = {}
    pending = [('', model)]
    while pending:
        name, module = pending.pop()
        layers[name] = module = unwrapped(module)
        children = [(key, child) for key, child in module._modules.items() if child is not None]
        pending += [(f'{name}.{key}' if name else key, child) for key, child in reversed(children)]
    return layers


def find_layers(model: nn.Module, patterns: Iterable[str]) -> list[Layer]:
    """Find the layers that patterns name.

    A pattern is a module's name, where ``*``, ``?`` and ``[…]`` match as in file names, within one part of a name:
    ``backbone.layer*`` matches ``backbone.layer1``, not what is in it. ``**`` matches dots as well. The model itself is
    ``''`` and only matched by that. After the name may stand ``:method`` for a method other than forward, and then,
    each in brackets, the steps to the outputs that are wanted, ``[*]`` for any step: ``backbone[3]``, ``head[*][0]``,
    ``backbone:extract_feat``. A bracket at the end always chooses outputs. A pattern after ``!`` takes out again, from
    all that others match, what it matches: ``head.*`` with ``!head.loss_module``.

    Args:
        model: A model; a wrapper that distributes or compiles it is looked through.
        patterns: Any number of patterns. Wildcards skip lists of modules, which are never called.

    Returns:
        The layers in the model's order, each once, with the choices of all patterns that match it.

    Raises:
        InputError: A pattern matches nothing, or names a module that cannot be called.
    """
    named = named_layers(model)
    order: dict[int, int] = {}
    for place, module in enumerate(named.values()):
        order.setdefault(id(module), place)
    found: dict[tuple[int, str], Layer] = {}
    patterns = list(patterns)
    left_out = {key for text in patterns if text.startswith('!') for key in map(_key, _matches(named, text[1:]))}
    for pattern in patterns:
        for layer in [] if pattern.startswith('!') else _matches(named, pattern):
            key = _key(layer)
            before = found.get(key)
            if before is None:
                found[key] = layer
                continue
            everything = not (before.choices and layer.choices)
            choices = () if everything else tuple(dict.fromkeys(before.choices + layer.choices))
            found[key] = Layer(before.name, before.module, before.method, choices)
    wanted = [layer for key, layer in found.items() if key not in left_out]
    if not wanted:
        raise InputError(f'layers={patterns} leaves no layer; nearest: {nearest("", named)}')
    return sorted(wanted, key=lambda layer: order[id(layer.module)])


def _key(layer: Layer) -> tuple[int, str]:
    """What tells layers apart, whichever of a module's names was typed."""
    return id(layer.module), layer.method


def _matches(named: dict[str, nn.Module], pattern: str) -> list[Layer]:
    """The layers that one pattern names."""
    parts = _PATTERN.fullmatch(pattern)
    assert parts is not None  # its first part takes anything
    wanted, method = parts['module'], parts['method'] or 'forward'
    choice = tuple(int(step) if step.isdigit() else step for step in re.findall(r'\[([^\[\]]+)\]', parts['choice']))
    if _WILDCARDS.search(wanted):
        matches = _expression(wanted).fullmatch
        matching = [name for name in named if name and matches(name) and _has(named[name], method)]
    else:
        matching = [name for name in named if name == wanted]
        _check_method(named, matching, method)
    if not matching:
        having = [name for name in named if name and _has(named[name], method)]
        deep = ' (* stays within one part of a name, ** goes across dots)' if '*' in wanted else ''
        raise InputError(f'layers=[{pattern!r}] matches nothing{deep}; nearest: {nearest(wanted, having) or "none"}')
    suffix = '' if method == 'forward' else f':{method}'
    return [Layer(name + suffix, named[name], method, (choice,) if choice else ()) for name in matching]


@lru_cache
def _expression(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern."""
    parts = re.split(r'(\*\*|\*|\?|\[!?[^\]]+\])', pattern)  # wildcards stand at odd places
    meaning = {'**': '.*', '*': '[^.]*', '?': '[^.]'}
    wildcards = [meaning.get(part, part.replace('[!', '[^')) for part in parts[1::2]]
    texts = [re.escape(text) for text in parts[::2]]
    expression = texts[0] + ''.join(pair for pairs in zip(wildcards, texts[1:], strict=True) for pair in pairs)
    try:
        return re.compile(expression)
    except re.error as error:
        raise InputError(f'layers=[{pattern!r}] is no pattern: {error}') from None


def _check_method(named: dict[str, nn.Module], names: list[str], method: str) -> None:
    """Refuse a module that was named and lacks the method."""
    for name in names:
        if _has(named[name], method):
            continue
        kind = type(named[name])
        if method == 'forward':
            inside = [other for other in named if other.startswith(f'{name}.') and _has(named[other], method)]
            raise InputError(f'{name} is a {kind.__name__}, which is never called; in it are {", ".join(inside[:5])}')
        methods = [other for other in dir(kind) if not other.startswith('_') and callable(getattr(kind, other))]
        raise InputError(f'{name}:{method}: {kind.__name__} has no such method; nearest: {nearest(method, methods)}')


def _has(module: nn.Module, method: str) -> bool:
    """Whether a module has a method; a list of modules has no forward."""
    if method == 'forward':
        return getattr(type(module), 'forward', None) is not nn.Module.forward
    return callable(getattr(module, method, None))


def _leads_to(choice: Path, path: Path) -> bool:
    """Whether a path begins as was chosen."""
    return len(choice) <= len(path) and all(
        step == '*' or str(step) == str(taken) for step, taken in zip(choice, path, strict=False)
    )
