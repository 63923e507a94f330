"""The tensors in what a module gives, each with a name, and how to put others in their places."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor

__all__ = ['Path', 'path_name', 'replaced', 'tensors_in']

Path = tuple[int | str, ...]
"""Steps that lead to a tensor: positions in tuples and lists, keys of mappings, fields of dataclasses."""


def path_name(path: Path) -> str:
    """Write a path as it stands in a config: ``[0][heatmaps]``; nothing for the only output."""
    return ''.join(f'[{step}]' for step in path)


def tensors_in(output: Any, path: Path = ()) -> Iterator[tuple[Path, Tensor]]:
    """Find the tensors in tuples, lists, mappings and dataclasses, however deep; other objects are left out.

    Args:
        output: What a module gave.
        path: Where ``output`` itself stands.

    Yields:
        The path to a tensor, and the tensor.
    """
    if isinstance(output, Tensor):
        yield path, output
        return
    for step, part in _parts(output):
        yield from tensors_in(part, (*path, step))


def replaced(output: Any, replace: Callable[[Path, Tensor], Tensor], path: Path = ()) -> Any:
    """Make an output of the same structure with other tensors.

    Containers that hold nothing new are given back as they are; others are copied, never written to.

    Args:
        output: What a module gave.
        replace: Takes the path to a tensor and the tensor, and gives the one that shall stand there.
        path: Where ``output`` itself stands.
    """
    if isinstance(output, Tensor):
        return replace(path, output)
    old = dict(_parts(output))
    new = {step: replaced(part, replace, (*path, step)) for step, part in old.items()}
    if all(new[step] is old[step] for step in old):
        return output
    if isinstance(output, Mapping):
        copy = type(output)(output)  # type: ignore[call-arg]
        for key in output:
            copy[key] = new[_step(key)]  # type: ignore[index]
        return copy
    if dataclasses.is_dataclass(output) and not isinstance(output, type):
        return dataclasses.replace(output, **{str(step): part for step, part in new.items()})
    if hasattr(output, '_fields'):  # a named tuple takes its fields one by one
        return type(output)(*new.values())
    return type(output)(new.values())


def _parts(output: Any) -> Iterator[tuple[int | str, Any]]:
    """What a container holds, with the step to each."""
    if isinstance(output, Mapping):
        yield from ((_step(key), part) for key, part in output.items())
    elif isinstance(output, tuple | list):
        yield from enumerate(output)
    elif dataclasses.is_dataclass(output) and not isinstance(output, type):
        yield from ((field.name, getattr(output, field.name)) for field in dataclasses.fields(output))


def _step(key: Any) -> int | str:
    """A mapping's key as a step of a path."""
    return key if isinstance(key, int) else str(key)
