"""What is allowed in checkpoints is read exactly, and cannot be used to run code or to forge memory."""

import copy
import os
import pickle
import runpy
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import mmengine.optim
import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import _load_checkpoint

from posescope.compat import inert_types
from posescope.compat.checkpoint import ALLOWED, CheckpointError, allow_mmengine_types, load_checkpoint
from tests.compat.checkpoint_files import assert_same, of_other_numpy, save, write_archive

# numpy's own functions, wherever this version keeps them
RECONSTRUCT = np.ones(1).__reduce__()[0]
SCALAR = np.float64(1).__reduce__()[0]


@pytest.fixture(params=[False, True], ids=['zip', 'legacy'])
def store(request, tmp_path):
    """Save something in one of torch's two formats; the zoos use the legacy one."""
    return lambda content: save(
        {'state_dict': {'weight': torch.ones(2)}, 'meta': content}, tmp_path / 'c.pth', request.param
    )


NUMBERS = [
    *(np.arange(6).reshape(2, 3).astype(code) for code in '?bhilBHILefdFD'),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(3, dtype='>f8'),
    np.array(1.5),
    np.zeros((0, 3)),
    *(np.dtype(code).type(1) for code in '?bhilBHILefdFD'),
    np.float64('-inf'),
]
AFTER_PICKLE = pickle.loads(pickle.dumps(NUMBERS, 2))  # numpy turns other byte orders into this machine's


def test_numbers_of_every_type(store):
    assert_same(load_checkpoint(store(NUMBERS))['meta'], AFTER_PICKLE)


def test_files_of_the_other_numpy(tmp_path):
    path = of_other_numpy({'meta': NUMBERS}, tmp_path / 'c.pth')
    assert_same(load_checkpoint(path)['meta'], AFTER_PICKLE)


def test_restored_arrays_behave_and_are_saved_as_plain_ones(tmp_path):
    array = load_checkpoint(save({'a': np.arange(3.0)}, tmp_path / 'c.pth'))['a']
    assert type(array.sum()) is np.float64
    assert type(array * 2) is np.ndarray
    assert type(np.sqrt(array)) is np.ndarray
    assert type(copy.deepcopy(array)) is np.ndarray
    assert type(np.append(array, 1)) is np.ndarray
    assert type(pickle.loads(pickle.dumps(array))) is np.ndarray
    for protocol in range(6):
        assert b'posescope' not in pickle.dumps(array, protocol)
    assert torch.equal(torch.as_tensor(array), torch.arange(3, dtype=torch.float64))


NEEDED_BY = {
    'numpy.core.multiarray._reconstruct': np.ones(2),
    'numpy._core.multiarray._reconstruct': np.ones(2),
    'numpy.ndarray': np.ones(2),
    'numpy.dtype': np.ones(2),
    'numpy.core.multiarray.scalar': np.float64(1),
    'numpy._core.multiarray.scalar': np.float64(1),
    'builtins.bytes': np.ones(0),
    'mmengine.logging.history_buffer.HistoryBuffer': HistoryBuffer([1], [1]),
    'builtins.getattr': HistoryBuffer([1], [1]),
    'mmengine.optim.scheduler.param_scheduler.OneCycleParamScheduler': mmengine.optim.OneCycleLR._annealing_cos,
}
"""Everything that is allowed, each with something that cannot be loaded without it."""


def test_nothing_else_is_allowed():
    assert set(ALLOWED) == set(NEEDED_BY)


@pytest.mark.parametrize('name', NEEDED_BY)
def test_each_allowed_name_is_needed(name, tmp_path):
    numpy_here = 'numpy._core' if np.lib.NumpyVersion(np.__version__) >= '2.0.0' else 'numpy.core'
    foreign = name.startswith(('numpy.core', 'numpy._core')) and not name.startswith(f'{numpy_here}.')
    path = (of_other_numpy if foreign else save)({'meta': NEEDED_BY[name]}, tmp_path / 'c.pth')
    assert load_checkpoint(path)
    before = torch.serialization.get_safe_globals()
    try:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals([entry for entry in before if entry != (ALLOWED[name], name)])
        with pytest.raises(CheckpointError, match=name.removeprefix('builtins.').replace('.', r'\.')):
            load_checkpoint(path)
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(before)


def test_allowing_twice_changes_nothing():
    before = set(torch.serialization.get_safe_globals())
    allow_mmengine_types()
    assert set(torch.serialization.get_safe_globals()) == before


def test_posescope_needs_no_mmengine_for_it():
    code = (
        'import sys; sys.modules["mmengine"] = None\nimport posescope.compat.checkpoint as c; c.allow_mmengine_types()'
    )
    package = str(Path(inert_types.__file__).parent.parent)
    bare = f"""
import sys, types
sys.modules['posescope'] = types.ModuleType('posescope')
sys.modules['posescope'].__path__ = [{package!r}]
{code}
"""
    subprocess.run([sys.executable, '-c', bare], check=True)


class Call:
    """Pickled as a call of a function, and optionally the state that its result is given."""

    def __init__(self, function: Any, *arguments: Any, state: Any = None) -> None:
        self.reduced = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> tuple:
        return self.reduced


def touch(path: Path) -> str:
    return f'touch {path}'


def running_code(sentinel: Path) -> dict[str, Any]:
    """Ways to make a file of that name; those without a space in their name are named in the refusal."""
    shell = Call(os.system, touch(sentinel))
    nested = pickle.dumps(shell)
    state = {'max_length': 1, '_log_history': np.ones(1), '_count_history': np.ones(1)}
    return {
        'posix.system': shell,
        'eval': Call(eval, f'__import__("os").system({touch(sentinel)!r})'),
        'exec': Call(exec, f'open({str(sentinel)!r}, "w")'),
        'open': Call(open, str(sentinel), 'w'),
        'pickle.loads': Call(pickle.loads, nested),
        'runpy._run_code': Call(runpy._run_code, f'open({str(sentinel)!r}, "w")', {}),
        'Popen': Call(subprocess.Popen, ['touch', str(sentinel)]),
        'a look-up of a method': Call(getattr, HistoryBuffer, '__init__'),
        'an object scalar': Call(SCALAR, np.dtype('O'), nested),
        'an object array': np.array([shell, None], dtype=object),
        'a statistic': Call(HistoryBuffer, state={**state, 'statistics_methods': {'mean': os.system}}),
        'a logged object': Call(HistoryBuffer, state={**state, '_log_history': shell}),
        'in a state dict': OrderedDict(weight=shell),
    }


@pytest.mark.parametrize('attack', running_code(Path()))
def test_code_does_not_run(attack, store, tmp_path):
    sentinel = tmp_path / 'sentinel'
    path = store(running_code(sentinel)[attack])
    for load in (load_checkpoint, torch.load, lambda path: _load_checkpoint(str(path))):
        with pytest.raises((CheckpointError, pickle.UnpicklingError)) as caught:
            load(path)
        assert not sentinel.exists()
        if load is load_checkpoint:
            message = str(caught.value)
            assert '\n' not in message
            assert str(path) in message
            assert 'refused' in message
            assert 'could run code' in message
            assert attack in message or ' ' in attack


def test_the_attacks_would_work_without_the_check(store, tmp_path):
    sentinel = tmp_path / 'sentinel'
    for attack in ('posix.system', 'exec', 'pickle.loads', 'an object array', 'in a state dict'):
        torch.load(store(running_code(sentinel)[attack]), weights_only=False)
        assert sentinel.exists(), attack
        sentinel.unlink()


def memory_attacks() -> dict[str, Any]:
    """Legal calls of numpy by which a file would read or forge memory."""
    forged = b'\x10' * 8
    no_flags = (3, '|', None, None, None, -1, -1, 0)
    far_field = (3, '<', None, ('a',), {'a': (np.dtype('f8'), 10**6)}, -1, -1, 0)

    def array(*state: Any) -> Call:
        return Call(RECONSTRUCT, np.ndarray, (0,), b'b', state=state)

    return {
        'object array over bytes': Call(np.ndarray, (1,), 'O', forged),
        'array of any size': Call(np.ndarray, (10**6,), 'f8'),
        'object type without flags': array(1, (1,), Call(np.dtype, 'O8', False, True, state=no_flags), False, forged),
        'field out of bounds': array(1, (1,), Call(np.dtype, 'f8', False, True, state=far_field), False, forged),
        'fields in the type': array(1, (1,), Call(np.dtype, [('a', 'O')]), False, forged),
        'too few bytes': array(1, (10**6,), np.dtype('f8'), False, forged),
        'negative size': array(1, (-1, -8), np.dtype('u1'), False, forged),
        'list instead of bytes': array(1, (1,), np.dtype('f8'), False, [1]),
        'other version': array(0, (1,), np.dtype('f8'), False, forged),
        'scalar of too few bytes': Call(SCALAR, np.dtype('f8'), b'1'),
        'attributes through torch': Call(
            torch._tensor._rebuild_from_type_v2, RECONSTRUCT, np.ndarray, (), {'shape': (9,)}
        ),
        'type changed through torch': Call(
            torch._tensor._rebuild_from_type_v2, np.dtype, np.dtype, ('f8',), {'dtype': np.dtype('i1')}
        ),
        'attribute of the schedule': Call(getattr, mmengine.optim.OneCycleLR.__mro__[2], '__init__'),
        'history that is a tensor': Call(
            HistoryBuffer, state={'max_length': 1, '_log_history': torch.ones(1), '_count_history': torch.ones(1)}
        ),
    }


@pytest.mark.parametrize('attack', memory_attacks())
def test_memory_cannot_be_forged(attack, store):
    with pytest.raises(CheckpointError):
        load_checkpoint(store(memory_attacks()[attack]))


def test_an_array_is_not_made_without_its_constructor(tmp_path):
    arguments = pickle.dumps(((1,), 'O', b'\x10' * 8), 2)[2:-1]
    with pytest.raises(CheckpointError):
        load_checkpoint(write_archive(b'\x80\x02cnumpy\nndarray\n' + arguments + b'\x81.', tmp_path / 'c.pth'))


def test_an_array_is_filled_once(tmp_path):
    array = np.arange(100.0)
    state = pickle.dumps(array.__reduce__()[2], 2)[2:-1]  # without protocol and stop
    twice = pickle.dumps({'a': 0}, 2)[:-1] + b'X\x01\x00\x00\x00b' + pickle.dumps(array, 2)[2:-1] + state + b'bs.'
    assert len(pickle.loads(twice)['b']) == 100  # a legal pickle
    with pytest.raises(CheckpointError, match='unusual way'):
        load_checkpoint(write_archive(twice, tmp_path / 'c.pth'))


@pytest.mark.parametrize('module', [b'', b'posescope.compat.inert_types', b'numpy'])
def test_the_class_of_arrays_cannot_be_named(module, tmp_path):
    with pytest.raises(CheckpointError, match='RestoredArray'):
        load_checkpoint(write_archive(b'\x80\x02c' + module + b'\nRestoredArray\n.', tmp_path / 'c.pth'))


def test_a_hostile_buffer_does_not_change_the_class(tmp_path):
    before = dict(HistoryBuffer._statistics_methods)
    state = {'max_length': 1, '_log_history': np.ones(1), '_count_history': np.ones(1), 'extra': 1}
    content = {'b': Call(HistoryBuffer, state={**state, 'statistics_methods': {'mean': torch.Size, 'new': torch.Size}})}
    buffer = load_checkpoint(save(content, tmp_path / 'c.pth'))['b']
    assert HistoryBuffer._statistics_methods == before
    assert set(vars(buffer)) == {'max_length', '_log_history', '_count_history'}
