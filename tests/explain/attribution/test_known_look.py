"""Every method reads a network whose left wrist looks at one known patch."""

from typing import Any

import pytest
import torch

from posescope.explain.attribution import METHODS, build_method
from tests.explain.attribution.known_look import (
    LEFT_WRIST,
    NOSE,
    PATCH,
    WRIST,
    AttendingBackbone,
    LookingBackbone,
    looking,
    share_on_patch,
)

CELLS = {'layer': 'backbone.cells'}
OF_PIXELS: dict[str, tuple[dict[str, Any], int]] = {
    'saliency': ({}, 0),
    'input_x_gradient': ({}, 0),
    'smoothgrad': ({'samples': 3}, 0),
    'integrated_gradients': ({'steps': 3}, 0),
    'blur_integrated_gradients': ({'steps': 5}, 0),
    'hirescam': (CELLS, 4),
    'layercam': (CELLS, 4),
    'occlusion': ({'window': 8, 'stride': 4}, 7),
    'captum': ({'algorithm': 'GradientShap', 'n_samples': 3}, 0),
}
"""Options of methods, and how many pixels around the patch they may light as well."""
OF_ATTENTION = {'attention_rollout': {'residual': 0.0}, 'attention_relevance': {}}


@pytest.mark.parametrize('name', OF_PIXELS)
def test_the_left_wrist_is_seen_to_look_at_the_patch(name: str) -> None:
    made, inputs, bound = looking(LookingBackbone())
    assert bound.places[:, LEFT_WRIST].flip(-1).sub(torch.tensor(WRIST)).abs().max() <= 1
    options, margin = OF_PIXELS[name]
    maps = build_method(name, **options).attribute(made, inputs, bound, [LEFT_WRIST, NOSE])
    share = share_on_patch(maps, margin)
    assert (share[:, 0] > 0.999).all()
    assert (share[:, 1] < 0.5).all()
    assert (maps[:, 0, PATCH[0], PATCH[1]].mean((1, 2)) > 0).all()


def test_rise_finds_the_patch() -> None:
    made, inputs, bound = looking(LookingBackbone())
    maps = build_method('rise', masks=600, cells=6).attribute(made, inputs, bound, [LEFT_WRIST])[:, 0]
    rows, columns = torch.unravel_index(maps.flatten(1).argmax(1), maps.shape[1:])
    assert ((PATCH[0].start <= rows) & (rows < PATCH[0].stop)).all()
    assert ((PATCH[1].start <= columns) & (columns < PATCH[1].stop)).all()


def test_gradcam_lights_places_that_are_not_used() -> None:
    """Why HiResCAM is the default: the mean gradient over cells forgets which of them count."""
    made, inputs, bound = looking(LookingBackbone())
    maps = build_method('gradcam', **CELLS).attribute(made, inputs, bound, [LEFT_WRIST])
    assert (share_on_patch(maps, 4) < 0.2).all()


@pytest.mark.parametrize('name', OF_ATTENTION)
def test_attention_is_seen_to_look_at_the_patch(name: str) -> None:
    made, inputs, bound = looking(AttendingBackbone())
    maps = build_method(name, **OF_ATTENTION[name]).attribute(made, inputs, bound, [LEFT_WRIST, NOSE])
    share = share_on_patch(maps, 16)  # interpolated between tokens
    assert (share[:, 0] > 0.999).all()
    assert (share[:, 1] < 0.5).all()
    middle = maps[:, 0, PATCH[0], PATCH[1]].mean((1, 2))
    assert (middle > 0.3 * maps[:, 0].amax((1, 2))).all()


def test_every_method_is_tried() -> None:
    assert {*OF_PIXELS, *OF_ATTENTION, 'rise', 'gradcam'} == set(METHODS)
