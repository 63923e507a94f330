"""Random numbers that depend on where training stands, not on how it got there.

mmengine saves no generator state, and the generators of persistent workers are out of reach, so a resumed run would
draw other augmentations. Here every sample is augmented with generators seeded by (seed, epoch, index), and every
training step starts from generators seeded by (seed, rank, iteration). Both are the same whether a run was resumed or
not, and with any number of workers.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmpose.registry import DATA_SAMPLERS, DATASETS, HOOKS

from posescope.errors import InputError

_WITH_OWN_GENERATORS = (DefaultSampler, InfiniteSampler)
"""Samplers that are known to draw from generators of their own."""


def seed_generators(*entropy: int) -> None:
    """Seed Python's, NumPy's and PyTorch's global generators from a tuple of non-negative integers.

    ``numpy.random.SeedSequence`` mixes the integers, so neighbouring tuples give unrelated streams.
    """
    state = np.random.SeedSequence(entropy).generate_state(3, np.uint32).tolist()
    random.seed(state[0])
    # MMPose draws from the global generator.
    np.random.seed(state[1])  # noqa: NPY002
    # torch.manual_seed would also queue a call for an uninitialised CUDA, with a formatted stack, at every sample.
    torch.default_generator.manual_seed(state[2])
    if torch.cuda.is_initialized() and not torch.cuda._is_in_bad_fork():
        torch.cuda.manual_seed_all(state[2])


class SampleKey(int):
    """A dataset index that carries the entropy of its augmentation through the sampler's queue into any worker."""

    entropy: tuple[int, ...]

    def __new__(cls, index: int, entropy: tuple[int, ...] = ()) -> 'SampleKey':
        """Make a key."""
        key = super().__new__(cls, index)
        key.entropy = entropy
        return key

    def __reduce__(self) -> tuple[type, tuple[int, tuple[int, ...]]]:
        return SampleKey, (int(self), self.entropy)


class CopyIndex(int):
    """An index that a sampler draws several times in an epoch, on this rank or others, and which of them this is."""

    copy: int

    def __new__(cls, index: int, copy: int) -> 'CopyIndex':
        """Make one."""
        made = super().__new__(cls, index)
        made.copy = copy
        return made


class _Forwarding:
    """Passes every attribute that it does not hold itself on to ``inner``, reading and writing."""

    inner: Any
    _own: frozenset[str] = frozenset({'inner'})

    def __getattr__(self, name: str) -> Any:
        if name in self._own or (name.startswith('__') and name.endswith('__')):
            raise AttributeError(name)
        return getattr(self.inner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._own:
            object.__setattr__(self, name, value)
        else:
            setattr(self.inner, name, value)

    def __len__(self) -> int:
        return len(self.inner)


@DATASETS.register_module()
class SeededDataset(_Forwarding):
    """A dataset whose random transforms are seeded per sample.

    Hooks that exchange the pipeline during training reach the wrapped dataset: attributes are forwarded.

    Args:
        dataset: The dataset or its config.
    """

    def __init__(self, dataset: Any) -> None:
        self.inner = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset

    def __getitem__(self, index: int) -> Any:
        if isinstance(index, SampleKey):
            seed_generators(*index.entropy)
        return self.inner[int(index)]


@DATA_SAMPLERS.register_module()
class SeededSampler(_Forwarding):
    """Yields the indices of another sampler as :class:`SampleKey` and can start anywhere in its stream.

    The entropy is (seed, epoch, index), and for a sample that comes again in an epoch how often it came before. A
    sampler that never ends has no epochs; there the passes over the data set are counted.

    Args:
        sampler: Config of the wrapped sampler.
        dataset: The dataset to draw from.
        seed: Seed of order and augmentation; None draws one that all ranks share.
    """

    _own = frozenset({'inner', '_config', '_dataset', '_seed', '_epoch', '_pinned'})

    def __init__(self, sampler: dict, dataset: Any, seed: int | None = None) -> None:
        self._config, self._dataset, self._seed = dict(sampler), dataset, seed
        self._epoch = 0
        self._pinned: tuple[int, int] | None = None
        self._build()

    def _build(self) -> None:
        # Some samplers look into the data set, and ask for its type.
        # Not those of a slice of ours: with num_batch_per_epoch, the host lets an epoch draw from a part.
        dataset = self._dataset.inner if isinstance(self._dataset, SeededDataset) else self._dataset
        self.inner = DATA_SAMPLERS.build(self._config, default_args={'dataset': dataset, 'seed': self._seed})
        if self._seed is None:
            self._seed = int(getattr(self.inner, 'seed', None) or 0)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration orders and augments by."""
        self._epoch = epoch
        if hasattr(self.inner, 'set_epoch'):
            self.inner.set_epoch(epoch)

    def restart(self, seed: int | None, epoch: int, start: int) -> None:
        """Let the next iteration begin ``start`` samples into ``epoch``, as a run that never stopped would go on.

        Args:
            seed: The seed of the run that is resumed; None keeps the own one.
            epoch: Epoch, 0 for samplers that never end.
            start: Number of this rank's samples that were used already.
        """
        # MMPose's data sets take seconds to import, and whoever has a sampler has imported them.
        from mmpose.datasets.samplers import MultiSourceSampler

        self._seed = self._seed if seed is None else seed
        self._build()
        if isinstance(self.inner, MultiSourceSampler):
            # Its streams run on from epoch to epoch: leave behind what earlier epochs drew.
            for _ in range(epoch):
                iter(self.inner)
        self._pinned = (epoch, start)

    def __iter__(self) -> Iterator[SampleKey]:
        start = 0
        if self._pinned is not None:
            # Hooks may have set another epoch since; the place where the run stopped wins once.
            epoch, start = self._pinned
            self._pinned = None
            self.set_epoch(epoch)
        epoch, last = self._epoch, 0
        drawn: Counter[int] = Counter()
        own = isinstance(self.inner, _WITH_OWN_GENERATORS)
        indices = iter(self.inner) if own else _apart(self.inner, self._seed or 0, get_rank(), epoch)
        for position, index in enumerate(indices):
            # A wrapped-around tail and endless samplers count as a further pass, with augmentations of its own.
            passes = position * get_world_size() // max(len(self._dataset), 1)
            if passes != last:
                last = passes
                drawn.clear()
            copy = index.copy if isinstance(index, CopyIndex) else drawn[int(index)]
            again = (copy,) if copy else ()  # so do copies within a pass
            drawn[int(index)] += 1
            if position >= start:
                yield SampleKey(index, (self._seed or 0, epoch + passes, int(index), *again))


def _apart(sampler: Any, *entropy: int) -> Iterator[Any]:
    """Iterate a sampler that may draw from the global generators, with states of these that are its own."""
    own = _in_states(_states(), lambda: seed_generators(*entropy))[1]
    iterator, own = _in_states(own, lambda: iter(sampler))
    while True:
        try:
            index, own = _in_states(own, lambda: next(iterator))
        except StopIteration:
            return
        yield index


def _in_states(states: tuple[Any, ...], draw: Callable[[], Any]) -> tuple[Any, tuple[Any, ...]]:
    """Draw with the global generators in other states; gives what was drawn and their states afterwards."""
    outside = _states()
    _set_states(states)
    try:
        return draw(), _states()
    finally:
        _set_states(outside)


def _states() -> tuple[Any, ...]:
    return random.getstate(), np.random.get_state(), torch.default_generator.get_state()  # noqa: NPY002


def _set_states(states: tuple[Any, ...]) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    torch.default_generator.set_state(states[2])


def seeded(loader: dict) -> dict:
    """Wrap data set and sampler of a data loader's config; it is changed and returned."""
    if 'sampler' not in loader:
        raise InputError("train_dataloader lacks sampler, as in sampler=dict(type='DefaultSampler', shuffle=True)")
    loader['dataset'] = {'type': SeededDataset, 'dataset': loader['dataset']}
    loader['sampler'] = {'type': SeededSampler, 'sampler': loader['sampler']}
    return loader


@HOOKS.register_module()
class StepSeedHook(Hook):
    """Seeds the main process before every training step, so that dropout does not depend on how training got there."""

    priority = 'VERY_HIGH'

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Seed by (run's seed, rank, iteration)."""
        seed_generators(int(runner.seed or 0), get_rank(), runner.iter)
