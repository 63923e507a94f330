"""Flips are found wherever a config or a pipeline has them."""

import numpy as np
import pytest
from mmengine.dataset import Compose
from mmpose.datasets.transforms import RandomFlip

from posescope.data.cues.flips import flip_probability, mirrored_strength


def test_mirrored_strength_is_what_mirroring_gives() -> None:
    generator = np.random.default_rng(0)
    for strength, probability in ((1.0, 0.5), (0.9, 0.25), (0.7, 1.0), (0.3, 0.0)):
        left = generator.random(200_000) < strength
        mirrored = generator.random(200_000) < probability
        assert (left ^ mirrored).mean() == pytest.approx(mirrored_strength(strength, probability), abs=0.005)


@pytest.mark.parametrize(
    ('node', 'probability'),
    [
        (None, 0),
        ([{'type': 'LoadImage'}], 0),
        ([{'type': 'LoadImage'}, {'type': 'RandomFlip'}], 0.5),
        ([{'type': 'mmpose.RandomFlip', 'prob': 0.3}], 0.3),
        ([{'type': RandomFlip, 'prob': [0.3, 0.2], 'direction': ['horizontal', 'vertical']}], 0.5),
        ({'dataset': {'datasets': [{'pipeline': [{'type': 'RandomFlip', 'prob': 0.1}]}]}}, 0.1),
        ([{'type': 'RandomApply', 'transforms': [{'type': 'RandomFlip', 'prob': 0.2}]}], 0.2),
        ([{'type': 'PipelineSwitchHook', 'switch_pipeline': [{'type': 'RandomFlip', 'prob': 1.0}]}], 1.0),
        ([{'type': 'RandomFlip', 'prob': 'often'}], 0),
        (Compose([RandomFlip(0.4)]), 0.4),
        (Compose([Compose([RandomFlip(0.4)]), lambda results: results]), 0.4),
    ],
)
def test_flips_are_found(node: object, probability: float) -> None:
    assert flip_probability(node) == pytest.approx(probability)
