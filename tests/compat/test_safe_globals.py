"""What a program itself has allowed torch to load stays allowed, and does not mix with our stand-ins."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from torch import _weights_only_unpickler as unpickler

from posescope.compat.checkpoint import CheckpointError, allow_mmengine_types, load_checkpoint
from posescope.compat.safe_globals import allowed_by_others
from tests.compat.checkpoint_files import assert_same, save

RECONSTRUCT = np.ones(1).__reduce__()[0]
SCALAR = np.float64(1).__reduce__()[0]
TYPES = [type(np.dtype(code)) for code in ('f4', 'f8', 'i8', 'u1', 'U3', 'M8[s]', 'O')]
NUMPY = [np.ndarray, np.dtype, RECONSTRUCT, SCALAR, *TYPES]
CONTENT = {
    'sigmas': np.array([0.026, 0.1], np.float32),
    'best': np.float64(0.5),
    'colours': np.array([[0, 128, 255]], np.uint8),
    'loss': HistoryBuffer([1.0, 2.0], [1, 1]),
}
ORDERS = range(20)


class InAnyOrder(set):
    """A set whose order is drawn, as that of torch's list is drawn by the hashes of a process."""

    seed = 0

    def __iter__(self) -> Iterator[Any]:
        return iter(random.Random(self.seed).sample(list(super().__iter__()), len(self)))


class Outer:
    """A class of somebody else with one inside, which pickle names by getattr."""

    class Inner:
        def __init__(self) -> None:
            self.value = 3


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Begin as a new process would: with nothing allowed but what is given, then posescope, then the rest."""

    def start(before: list = [], after: list = []) -> None:  # noqa: B006
        monkeypatch.setattr(unpickler, '_marked_safe_globals_set', set())
        torch.serialization.add_safe_globals(before)
        allow_mmengine_types()
        torch.serialization.add_safe_globals(after)

    return start


def in_order(seed: int) -> None:
    unpickler._marked_safe_globals_set = InAnyOrder(unpickler._marked_safe_globals_set)
    unpickler._marked_safe_globals_set.seed = seed


@pytest.mark.parametrize('when', ['before', 'after'])
def test_numpys_own_types_may_be_allowed_too(start: Callable[..., None], tmp_path: Path, when: str) -> None:
    path = save(CONTENT, tmp_path / 'c.pth')
    start(**{when: [*NUMPY, getattr, HistoryBuffer]})
    for seed in ORDERS:
        in_order(seed)
        assert_same(torch.load(path, weights_only=True), torch.load(path, weights_only=False))


def test_they_may_be_allowed_for_a_while(start: Callable[..., None], tmp_path: Path) -> None:
    path, text = save(CONTENT, tmp_path / 'c.pth'), save({'names': np.array(['abc'])}, tmp_path / 'text.pth')
    start()
    for seed in ORDERS:
        with torch.serialization.safe_globals(NUMPY):
            in_order(seed)
            assert_same(torch.load(path, weights_only=True), torch.load(path, weights_only=False))
            assert torch.load(text, weights_only=True)['names'] == ['abc']
        assert_same(load_checkpoint(path), torch.load(path, weights_only=False))
        with pytest.raises(CheckpointError, match="a numpy array of type 'U3'"):
            load_checkpoint(text)


def test_some_of_them_are_no_worse_than_none(start: Callable[..., None], tmp_path: Path) -> None:
    path = save(CONTENT, tmp_path / 'c.pth')
    for seed in ORDERS:
        start(random.Random(seed).sample(NUMPY, 4))
        in_order(seed)
        assert_same(torch.load(path, weights_only=True), torch.load(path, weights_only=False))


def test_what_we_would_refuse_is_theirs(start: Callable[..., None], tmp_path: Path) -> None:
    content = {
        'names': np.array(['nose', 'ear']),
        'when': np.array(['2026-01-01T00:00:00'], 'M8[s]'),
        'mixed': np.array(['a', 1, None], object),
        'word': np.str_('abc'),
    }
    types = [type(content[key].dtype) for key in content]
    path = save(content, tmp_path / 'c.pth')
    start([*NUMPY, *types])
    for seed in ORDERS:
        in_order(seed)
        assert_same(torch.load(path, weights_only=True), content)
    # Not with one of numpy's types alone: an array of objects could forge pointers.
    start([np.dtype, *types])
    with pytest.raises(CheckpointError, match='was refused: '):
        load_checkpoint(path)


def test_types_of_their_own_load(start: Callable[..., None], tmp_path: Path) -> None:
    path = save({'own': Outer(), 'inner': Outer.Inner(), 'sigmas': CONTENT['sigmas']}, tmp_path / 'c.pth')
    start([Outer, getattr], [Outer.Inner])
    for seed in ORDERS:
        in_order(seed)
        loaded = torch.load(path, weights_only=True)
        assert type(loaded['own']) is Outer
        assert type(loaded['inner']) is Outer.Inner
        assert loaded['inner'].value == 3
    start([Outer, Outer.Inner])
    with pytest.raises(CheckpointError, match='to look up'):
        load_checkpoint(path)


def test_clearing_the_list_clears_it(start: Callable[..., None], tmp_path: Path) -> None:
    path = save(CONTENT, tmp_path / 'c.pth')
    start(NUMPY)
    torch.serialization.clear_safe_globals()
    assert unpickler._get_user_allowed_globals() == {}
    with pytest.raises(CheckpointError):
        load_checkpoint(path)


def test_who_allowed_what(start: Callable[..., None]) -> None:
    start()
    assert allowed_by_others('numpy.dtype') is None
    start([(np.dtype, 'numpy.dtype'), getattr])
    assert allowed_by_others('numpy.dtype') is np.dtype
    assert allowed_by_others('builtins.getattr') is getattr
