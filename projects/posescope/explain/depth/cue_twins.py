"""Pairs of pictures of rendered people that differ in a planted cue and in nothing else."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmpose.registry import DATASETS
from numpy.typing import NDArray
from torch import Tensor

from posescope.errors import InputError
from posescope.explain.crops import Crops
from posescope.explain.pose_function import PoseFunction

__all__ = ['CueTwins', 'cue_twins']


@dataclass(frozen=True)
class CueTwins:
    """N pairs.

    Attributes:
        clean: (N, 3, H, W) crops.
        counterfactual: (N, 3, H, W) the same crops with the other cue.
        images: (N,) ids of the pictures.
    """

    clean: Tensor
    counterfactual: Tensor
    images: NDArray[Any]


def cue_twins(
    function: PoseFunction,
    dataset: Mapping[str, Any],
    clean: Mapping[str, Any] | None,
    counterfactual: Mapping[str, Any] | None,
    people: int | None = None,
) -> CueTwins:
    """Cut twins out of rendered pictures.

    Args:
        function: The model, which prepares crops.
        dataset: Config of a data set of rendered people, with the pipeline of the test.
        clean: Options of :class:`posescope.data.transforms.plant_cue.PlantCue`, as
            ``dict(cue='band', side='left')``; None for no cue. A cue that the pipeline plants itself is left out.
        counterfactual: The same for the twins.
        people: Most pairs, evenly spaced over the data set; None for everybody.

    Raises:
        InputError: The pipeline has no LoadImage, a cue does not exist, or the people are not rendered.

    Example:
        Where in the network the side of a band takes effect::

            twins = cue_twins(function, config.test_dataloader.dataset, None, dict(cue='band', side='right'), 50)
            measure_patching(function, twins.clean, twins.counterfactual, images=twins.images)
    """
    first, second = (_crops(function, dataset, cue, people) for cue in (clean, counterfactual))
    images = np.array([sample.metainfo['img_id'] for sample in first.samples])
    return CueTwins(first.inputs, second.inputs, images)


def _crops(
    function: PoseFunction, config: Mapping[str, Any], cue: Mapping[str, Any] | None, people: int | None
) -> Crops:
    wanted = dict(copy.deepcopy(config))
    steps = [step for step in wanted['pipeline'] if step['type'] != 'PlantCue']
    names = [step['type'] for step in steps]
    if 'LoadImage' not in names:
        raise InputError(f'the pipeline has no LoadImage, after which a cue could be planted: {", ".join(names)}')
    if cue is not None:
        steps.insert(names.index('LoadImage') + 1, {'type': 'PlantCue', **cue})
    dataset = DATASETS.build({**wanted, 'pipeline': steps})
    count = len(dataset) if people is None else min(people, len(dataset))
    chosen = np.linspace(0, len(dataset) - 1, count).round().astype(int).tolist()
    return function.batch([dataset[index] for index in chosen])
