"""Small models with two people and a target bound to them, and Captum's answers for them."""

from functools import cache
from typing import Any

import torch
from captum.attr import Attribution
from torch import Tensor

from posescope.explain.attribution.captum_method import TargetModule
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets import BoundTarget, build_target, default_target
from tests.explain.small_models import KINDS, crops, function

THREE_KINDS = ('resnet', 'simcc', 'regression')
"""A heatmap head, SimCC and coordinates."""
JOINTS = [9, 0]


@cache
def explained(name: str, target: str | None = None) -> tuple[PoseFunction, Tensor, BoundTarget]:
    made, inputs = function(name), crops()
    return made, inputs, bind(made, inputs, target)


def bind(made: PoseFunction, inputs: Tensor, target: str | None = None) -> BoundTarget:
    with torch.no_grad():
        outputs = made(inputs)
    wanted = default_target(made.kind) if target is None else build_target(target)
    return wanted.bind(made, outputs, made.decode(outputs))


def by_captum(kind: type[Attribution], case: tuple[PoseFunction, Tensor, BoundTarget], **options: Any) -> Tensor:
    """(N, K, 3, H, W) for JOINTS, joint by joint."""
    made, inputs, bound = case
    method = kind(TargetModule(made, bound))
    rows = torch.arange(len(inputs))
    found = [
        method.attribute(inputs.clone().requires_grad_(), target=joint, additional_forward_args=(rows,), **options)
        for joint in JOINTS
    ]
    return torch.stack(found, 1).detach()


def assert_close(found: Tensor, expected: Tensor, share: float = 1e-4) -> None:
    """Equal to a share of the largest value, for each person and joint."""
    assert found.shape == expected.shape
    largest = expected.abs().amax((2, 3))
    assert (largest > 0).all()
    worst = ((found - expected).abs().amax((2, 3)) / largest).max()
    assert worst < share, f'differs by {float(worst):.2g} of the largest value'


assert set(THREE_KINDS) <= set(KINDS)
