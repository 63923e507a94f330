"""What may stand in a checkpoint besides tensors, rebuilt so that a hostile file can do nothing with it.

``torch.load(weights_only=True)`` calls allowlisted functions with whatever arguments the file gives, and hands whatever
state it gives to allowlisted classes. numpy's own are not made for that: ``numpy.ndarray(1, 'O', buffer=bytes)`` and
``numpy.dtype.__setstate__`` with other flags make object arrays of forged pointers, which is a way to run code.
``HistoryBuffer.__setstate__`` changes the class for the whole process, and ``getattr`` reaches everything. None of them
is allowlisted: each name in mmengine's checkpoints leads to one of the few functions and classes below, which check
what they get and make numbers only. What they would refuse goes to the real thing if, and only if, the program itself
has allowed that to torch.
"""

import math
from pickle import UnpicklingError
from typing import Any, NoReturn

import numpy as np

from posescope.compat.safe_globals import allowed_by_others

REFUSAL = 'posescope refuses'
_PLAIN_DTYPES = frozenset(['b1', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'f2', 'f4', 'f8', 'c8', 'c16'])
_SCALARS = ('numpy.core.multiarray.scalar', 'numpy._core.multiarray.scalar')
_STATISTICS = ('min', 'max', 'current', 'mean')
_ANNEALING = ('_annealing_cos', '_annealing_linear')


def _refuse(what: str) -> NoReturn:
    raise UnpicklingError(f'{REFUSAL} {what}')


class ArrayType:
    """Stands where a pickle names ``numpy.ndarray``: an argument that :func:`new_array` ignores, of no other use."""


class OneCycleType:
    """Stands where a pickle names mmengine's ``OneCycleParamScheduler``; see :func:`known_attribute`."""


class PlainDtype:
    """Stands where a pickle builds a ``numpy.dtype``: a number's type and byte order, never fields, objects or flags.

    Attributes:
        dtype: The numpy dtype; ``numpy.dtype(self)`` gives it, too.
    """

    def __new__(cls, code: str, align: bool = False, copy: bool = False) -> Any:
        """Make the type of a number; any other is numpy's own, where that is allowed."""
        if isinstance(code, str) and code in _PLAIN_DTYPES:
            return super().__new__(cls)
        if (allowed := allowed_by_others('numpy.dtype')) is not None:
            return allowed(code, align, copy)
        _refuse(f'a numpy array of type {code!r}: only numbers are plain data')

    def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        """Take the byte order from a state as numpy writes it for numbers."""
        if (
            not isinstance(state, tuple)
            or len(state) != 8
            or state[0] != 3
            or state[2:] != (None, None, None, -1, -1, 0)
        ):
            _refuse(f'a numpy type with the state {state!r}: only numbers are plain data')
        if state[1] not in ('<', '>', '|', '='):
            _refuse(f'a numpy type with the byte order {state[1]!r}')
        self.dtype = self.dtype.newbyteorder(state[1])


class RestoredArray(np.ndarray):
    """A numpy array that was read from a checkpoint.

    It is filled once, from bytes of the right length: filling it again would free memory that a tensor may share. It
    needs a class of its own because the unpickler fills the object that it has; computing, copying and saving give
    plain arrays.
    """

    _filled = False

    def __new__(cls) -> 'RestoredArray':
        """Make an empty array; nothing comes from the file."""
        return super().__new__(cls, (0,), np.int8)

    def __setstate__(self, state: tuple) -> None:
        """Fill the array from a state as numpy writes it for numbers."""
        if self._filled or not isinstance(state, tuple) or len(state) != 5:
            _refuse('a numpy array that is built in an unusual way')
        version, shape, dtype, fortran_order, data = state
        if isinstance(dtype, np.dtype) and allowed_by_others('numpy.ndarray') is not None:
            super().__setstate__(state)
            self._filled = True
            return
        if version != 1 or not isinstance(dtype, PlainDtype) or not isinstance(data, bytes):
            _refuse('a numpy array that is not made of numbers')
        if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
            _refuse(f'a numpy array of shape {shape!r}')
        if len(data) != math.prod(shape) * dtype.dtype.itemsize:
            _refuse(f'a numpy array of shape {shape} and type {dtype.dtype} made from {len(data)} bytes')
        super().__setstate__((1, shape, dtype.dtype, fortran_order is True, data))
        self._filled = True

    def __array_wrap__(self, array: np.ndarray, *_: Any) -> Any:
        """Give plain arrays and scalars as the result of a computation."""
        plain = array.view(np.ndarray)
        return plain[()] if plain.ndim == 0 else plain

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Be saved as a plain array, so that files need nothing of ours."""
        return self.view(np.ndarray).__reduce_ex__(protocol)

    def __deepcopy__(self, memo: dict) -> np.ndarray:  # type: ignore[override]
        """Copy into a plain array."""
        return np.array(self, subok=False)


class HistoryBufferState:
    """Stands where a pickle builds mmengine's ``HistoryBuffer``, and becomes one when its state was checked.

    The statistics functions in the state are dropped: mmengine would register them for every buffer of the process.
    """

    def __setstate__(self, state: dict) -> None:
        """Take the two histories and their greatest length."""
        from mmengine.logging import HistoryBuffer  # here, because posescope imports without mmengine

        if not isinstance(state, dict) or type(state.get('max_length')) is not int:
            _refuse('a HistoryBuffer without max_length')
        histories = {name: state.get(name) for name in ('_log_history', '_count_history')}
        if not all(isinstance(values, RestoredArray) for values in histories.values()):
            _refuse('a HistoryBuffer whose histories are not arrays of numbers')
        plain = {name: np.array(values, subok=False) for name, values in histories.items()}
        vars(self).update({'max_length': state['max_length'], **plain})
        self.__class__ = HistoryBuffer
        self._set_default_statistics()  # type: ignore[attr-defined]


def new_array(*_: object) -> RestoredArray:
    """Make the empty array that a pickle fills next; stands for numpy's ``_reconstruct``."""
    return RestoredArray()


def new_scalar(dtype: PlainDtype, data: bytes) -> np.generic:
    """Make one number from its bytes; stands for numpy's ``scalar``."""
    if isinstance(dtype, np.dtype):
        for allowed in map(allowed_by_others, _SCALARS):
            if allowed is not None:
                return allowed(dtype, data)
    if not isinstance(dtype, PlainDtype) or not isinstance(data, bytes) or len(data) != dtype.dtype.itemsize:
        _refuse('a numpy scalar that is not one number')
    return np.frombuffer(data, dtype.dtype)[0]


def empty_bytes() -> bytes:
    """Stand for ``bytes()``, as which pickle writes the data of an array without elements."""
    return b''


def known_attribute(owner: object, name: str) -> object:
    """Stand for ``getattr``, as which pickle writes functions that belong to a class.

    mmengine's checkpoints hold two kinds: the statistics of ``HistoryBuffer``, of which the name is enough because
    :class:`HistoryBufferState` drops them, and the annealing curve of a one-cycle schedule, plain arithmetic.
    """
    if owner is HistoryBufferState and isinstance(name, str) and name in _STATISTICS:
        return name
    if owner is OneCycleType and isinstance(name, str) and name in _ANNEALING:
        from mmengine.optim import OneCycleParamScheduler

        return getattr(OneCycleParamScheduler, name)
    if (allowed := allowed_by_others('builtins.getattr')) is not None:
        return allowed(owner, name)
    _refuse(f'to look up {name!r} of {owner!r}')
