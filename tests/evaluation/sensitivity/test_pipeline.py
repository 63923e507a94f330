"""Where perturbations stand in a test pipeline."""

from typing import Any

import pytest
from mmpose.datasets.transforms import LoadImage, TopdownAffine

from posescope.errors import InputError
from posescope.evaluation.sensitivity.factors import FACTORS
from posescope.evaluation.sensitivity.pipeline import input_size, mirrored, perturbed

STEPS: list[dict[str, Any]] = [
    {'type': 'LoadImage'},
    {'type': 'PlantCue'},
    {'type': 'GetBBoxCenterScale'},
    {'type': 'TopdownAffine', 'input_size': (48, 64)},
    {'type': 'PackPoseInputs'},
]


def names(steps: list[dict[str, Any]]) -> list[str]:
    return [step['type'] for step in steps]


def test_places() -> None:
    before = [dict(step) for step in STEPS]
    found = perturbed(STEPS, FACTORS['blur'], 2.0, seed=5)
    assert names(found) == [*names(STEPS[:2]), 'PerturbImage', *names(STEPS[2:])]
    assert found[2] == {'type': 'PerturbImage', 'kind': 'blur', 'amount': 2.0, 'seed': 5}
    found = perturbed(STEPS, FACTORS['subpixel'], 0.5, seed=5)
    assert names(found) == [*names(STEPS[:3]), 'PerturbBox', *names(STEPS[3:])]
    expected = {'type': 'PerturbBox', 'pixels': 0.5, 'input_size': (48, 64), 'use_udp': False, 'seed': 5}
    assert found[3] == expected
    udp = [{**step, 'use_udp': True} if step['type'] == 'TopdownAffine' else step for step in STEPS]
    assert perturbed(udp, FACTORS['subpixel'], 0.5, seed=5)[3] == {**expected, 'use_udp': True}
    for steps, angle in ((STEPS, 30.0), (udp, -30.0)):
        assert perturbed(steps, FACTORS['rotation'], 30.0, seed=5)[3]['rotation'] == angle
    assert perturbed(udp, FACTORS['subpixel'], 0.5, seed=5)[3]['pixels'] == 0.5
    assert names(mirrored(STEPS)) == [*names(STEPS[:3]), 'RandomFlip', *names(STEPS[3:])]
    assert perturbed(STEPS, FACTORS['blur'], 0.0, seed=5) == STEPS
    assert before == STEPS


def test_types_may_be_classes_or_say_where_they_are_registered() -> None:
    steps = [{**step, 'type': f'mmpose.{step["type"]}'} for step in STEPS]
    steps[0]['type'], steps[3]['type'] = LoadImage, TopdownAffine
    assert input_size(steps) == (48, 64)
    found = perturbed(steps, FACTORS['blur'], 2.0, seed=5)
    assert [step['type'] for step in found] == [LoadImage, 'mmpose.PlantCue', 'PerturbImage', *names(steps[2:])]


def test_only_top_down() -> None:
    assert input_size(STEPS) == (48, 64)
    bottom_up = [
        {'type': 'LoadImage'},
        {'type': 'BottomupResize', 'input_size': (512, 512)},
        {'type': 'PackPoseInputs'},
    ]
    for call in (input_size, mirrored, lambda steps: perturbed(steps, FACTORS['noise'], 1, 0)):
        with pytest.raises(
            InputError, match=r'top-down.* lacks GetBBoxCenterScale, TopdownAffine: LoadImage, Bottomup'
        ):
            call(bottom_up)
