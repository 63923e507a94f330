"""A few people who are looked at again and again while a model learns."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel
from mmpose.structures import PoseDataSample
from torch import nn

from posescope.errors import InputError

__all__ = ['Handful']


class Handful:
    """The same few people of a data set, in one batch.

    Args:
        dataset: For testing: its pipeline draws nothing at random.
        people: How many, evenly spaced over the data set.

    Raises:
        InputError: The data set is empty, or nobody is asked for.
    """

    def __init__(self, dataset: Any, people: int = 8) -> None:
        if people < 1 or not len(dataset):
            raise InputError(f'people={people} of a data set of {len(dataset)}: it takes at least one')
        chosen = np.linspace(0, len(dataset) - 1, min(people, len(dataset))).round().astype(int)
        self._dataset = dataset
        self._indices: list[int] = chosen.tolist()

    def __len__(self) -> int:
        return len(self._indices)

    def predict(self, model: BaseModel) -> Sequence[PoseDataSample]:
        """Let a model predict them, without a trace: its mode and all generators are as before.

        Args:
            model: A pose estimator, not wrapped.
        """
        with _same_generators(), _evaluating(model), torch.no_grad():
            found: Sequence[PoseDataSample] = model.test_step(pseudo_collate([self._dataset[i] for i in self._indices]))
        return found


@contextmanager
def _same_generators() -> Iterator[None]:
    """Put the global generators back to where they were."""
    python, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002  MMPose draws from the global one
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy_state)  # noqa: NPY002


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode, and each module back into its own: some may be frozen."""
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in training.items():
            module.training = mode
