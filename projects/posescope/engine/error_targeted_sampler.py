"""Draw those people more often whom a model is expected to get wrong."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset, DefaultSampler
from mmpose.registry import DATA_SAMPLERS
from numpy.typing import NDArray

from posescope.data.annotations import read_json
from posescope.engine.predicted_errors import errors_by_matches, errors_by_strata
from posescope.engine.seeding import CopyIndex
from posescope.errors import InputError
from posescope.evaluation.people import people_from_coco
from posescope.models.losses.diagnosed_weights import headroom_weights, permuted

__all__ = ['ErrorTargetedSampler', 'drawn_copies']


@DATA_SAMPLERS.register_module()
class ErrorTargetedSampler(DefaultSampler):
    """Gives an epoch as many samples as there are people, of each as many copies as its expected error is worth.

    A person weighs (1 - strength) + strength · e / ē, where e is the error that is predicted for it and ē the mean over
    people, and is drawn, in each epoch anew, as often as it weighs: rounded up or down at random so that the mean is
    exact. The reason: a uniform draw spends most of a training on people who are right already (importance sampling,
    A. Katharopoulos and F. Fleuret, ICML 2018; here without weights that undo it, as more of these is what is wanted).

    Errors are predicted from a diagnosis, by strata, so that a diagnosis on dev is enough; or they are those of a test
    on the training people. What is drawn depends on (seed, epoch) alone, and ranks share it as they do with
    ``DefaultSampler``.

    Args:
        dataset: A COCO-style data set of one person a sample.
        diagnosis: A ``diagnosis.json``, see :func:`posescope.engine.predicted_errors.errors_by_strata`; or None.
        matches: A ``matches.npz`` of the training people; or None. One of both has to be given.
        families: Strata that count; None for all of the diagnosis.
        kinds: Classes of error that count; None for all.
        strength: 0 (as often as each other) to 1 (in proportion to errors).
        permute: A seed with which weights are dealt to other people, as a placebo; None to leave them.
        seed: Of the draw; None draws one that all ranks share.
        round_up: Repeat samples until ranks have the same number, as ``DefaultSampler`` does.

    Attributes:
        weights: (N,) mean 1, how often each sample of the data set is drawn in an epoch.

    Raises:
        InputError: Not one of ``diagnosis`` and ``matches`` is given, a file does not fit, or the data set is of
            another kind.
    """

    def __init__(
        self,
        dataset: Any,
        diagnosis: str | Path | None = None,
        matches: str | Path | None = None,
        families: Sequence[str] | None = None,
        kinds: Sequence[str] | None = None,
        strength: float = 0.5,
        permute: int | None = None,
        seed: int | None = None,
        round_up: bool = True,
    ) -> None:
        super().__init__(dataset, shuffle=True, seed=seed, round_up=round_up)
        if (diagnosis is None) == (matches is None):
            raise InputError('ErrorTargetedSampler takes one of diagnosis and matches')
        if matches is not None and (families is not None or kinds is not None):
            raise InputError('ErrorTargetedSampler: families and kinds are of a diagnosis; matches have neither')
        errors = _errors(dataset, diagnosis, matches, families, kinds)
        weights = headroom_weights(errors.tolist(), strength)
        self.weights: NDArray[np.float64] = weights if permute is None else permuted(weights, permute)

    def __iter__(self) -> Iterator[int]:
        """Draw the rank's share of this epoch; copies of a person know which one they are, on whatever rank."""
        drawn: list[CopyIndex] = []
        counts: Counter[int] = Counter()
        for index in drawn_copies(self.weights, np.random.default_rng([self.seed, self.epoch])).tolist():
            drawn.append(CopyIndex(index, counts[index]))
            counts[index] += 1
        if self.round_up:
            drawn = (drawn * int(self.total_size / len(drawn) + 1))[: self.total_size]
        return iter(drawn[self.rank : self.total_size : self.world_size])


def drawn_copies(weights: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw N of N things by systematic sampling, which varies least of all draws with these means.

    Args:
        weights: (N,) mean 1.
        generator: Draws the offset and the order.

    Returns:
        (N,) indices; the number of copies of i is ``weights[i]`` rounded up or down, and ``weights[i]`` on average.
    """
    order = generator.permutation(len(weights))
    edges = np.cumsum(weights[order])
    edges *= len(weights) / edges[-1]  # the sum is N but for rounding
    drawn = order[np.searchsorted(edges, np.arange(len(weights)) + generator.random(), 'right').clip(0, len(order) - 1)]
    return generator.permutation(drawn)


def _errors(
    dataset: Any,
    diagnosis: str | Path | None,
    matches: str | Path | None,
    families: Sequence[str] | None,
    kinds: Sequence[str] | None,
) -> NDArray[np.float64]:
    """Predict errors of the samples of a data set: (N,)."""
    if not isinstance(dataset, BaseDataset) or getattr(dataset, 'data_mode', None) != 'topdown':
        raise InputError(
            f'ErrorTargetedSampler needs a COCO-style data set of one person a sample, not {type(dataset).__name__}'
        )
    path = Path(dataset.ann_file)
    content = read_json(path, 'annotation file')
    people = people_from_coco(content, use_area=all('area' in person for person in content['annotations']))
    if diagnosis is not None:
        errors = errors_by_strata(diagnosis, content, people, families, kinds)
    else:
        errors = errors_by_matches(str(matches), people)
    by_person = dict(zip(people.ids.tolist(), errors.tolist(), strict=True))
    # MMPose's own method copies the metainfo for each sample, which would take a minute for COCO.
    samples = [BaseDataset.get_data_info(dataset, index)['id'] for index in range(len(dataset))]
    missing = [one for one in samples if one not in by_person]
    if missing:
        raise InputError(f'{path} has no annotation {missing[0]}, which is a sample of the data set')
    return np.array([by_person[one] for one in samples])
