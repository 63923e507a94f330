"""Labelled people of a data set, batch by batch."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from posescope.errors import InputError
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.dependency.visibility import graded_lists
from posescope.explain.pose_function import PoseFunction

__all__ = ['DatasetPeople']


class DatasetPeople:
    """Loads people when it is iterated, as often as that is done; one batch is in memory at a time.

    Args:
        function: The model, which prepares crops.
        dataset: Of MMPose, with the pipeline that is used for testing.
        people: Most people, evenly spaced over the data set; None for all.
        batch_size: People in a batch.

    Raises:
        InputError: The data set is empty, or nobody is asked for.
    """

    def __init__(self, function: PoseFunction, dataset: Any, people: int | None = None, batch_size: int = 16) -> None:
        if not len(dataset) or (people is not None and people < 1) or batch_size < 1:
            raise InputError(
                f'people={people}, batch_size={batch_size} of a data set of {len(dataset)}: each has to be at least 1'
            )
        count = len(dataset) if people is None else min(people, len(dataset))
        self._function, self._dataset, self._batch_size = function, dataset, batch_size
        self._indices: list[int] = np.linspace(0, len(dataset) - 1, count).round().astype(int).tolist()

    def __len__(self) -> int:
        """How many people are asked for; those without any label are left out."""
        return len(self._indices)

    def __iter__(self) -> Iterator[LabelledPeople]:
        for start in range(0, len(self), self._batch_size):
            samples = [self._dataset[index] for index in self._indices[start : start + self._batch_size]]
            people = LabelledPeople.of_crops(self._function.batch(samples), graded=self._graded)
            labelled = np.isfinite(people.truth).all(-1).any(1)
            if labelled.any():
                yield people.take(labelled)

    @cached_property
    def _graded(self) -> frozenset[str] | None:
        """What all chosen people say of how visible joints are marked; None where labels cannot be had without crops.

        A batch would not do: the joints of its few people may all be hidden.
        """
        read = getattr(self._dataset, 'get_data_info', None)
        if read is None:
            return None
        return graded_lists((read(index).get('raw_ann_info') for index in self._indices), len(self._function.joints))
