"""Checks of what is handed to a drawing, so that a mistake is told in one line and not by a library's depths."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.errors import InputError

__all__ = ['checked_array', 'checked_maps', 'checked_photograph', 'one_each']


def checked_array(values: ArrayLike, name: str, shape: Sequence[int | str]) -> NDArray[np.float64]:
    """Give an array as float64, after a check of its shape.

    Args:
        values: Numbers or booleans; also a tensor on the CPU without a graph.
        name: What to call it in a message.
        shape: A length, or a letter for any positive length, for each axis: ``('C', 'H', 'W')``.

    Raises:
        InputError: These are no real numbers, or they have another shape.
    """
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists; tensors with a graph or on a GPU
        raise InputError(f'{name} is no array of numbers: {str(error).splitlines()[0]}') from error
    if array.dtype.kind not in 'biuf':
        raise InputError(f'{name} holds {array.dtype} where real numbers are needed')
    fits = array.ndim == len(shape) and all(
        length > 0 if isinstance(wanted, str) else length == wanted
        for length, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits:
        raise InputError(f'{name} has shape {array.shape}, not ({", ".join(map(str, shape))})')
    return array.astype(np.float64)


def checked_maps(features: ArrayLike, name: str) -> NDArray[np.float64]:
    """(C, H, W) float64, after a check of its shape."""
    return checked_array(features, name, ('C', 'H', 'W'))


def checked_photograph(photograph: ArrayLike) -> NDArray[Any]:
    """(H, W, 3) uint8, after a check: floats in another range would be drawn white without a word.

    Raises:
        InputError: It is no such picture.
    """
    picture = np.asarray(photograph)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise InputError(f'photograph is {picture.dtype} of shape {picture.shape}, not uint8 of (H, W, 3), RGB')
    return picture


def one_each(count: int, what: str, **others: Sequence[Any]) -> None:
    """Check that there is one of everything for each of ``count`` things.

    Raises:
        InputError: There are none at all, or more or fewer of something.
    """
    if count == 0:
        raise InputError(f'there are no {what} to draw')
    for name, values in others.items():
        if len(values) != count:
            raise InputError(f'{len(values)} {name} for {count} {what}')
