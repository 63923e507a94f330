"""How far a joint moves."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from posescope.errors import InputError
from posescope.explain.outputs import Outputs
from posescope.explain.pose import Pose
from posescope.explain.pose_function import PoseFunction
from posescope.explain.readouts.regression import RegressionReadout
from posescope.explain.targets.bound import BoundTarget
from posescope.explain.targets.target import Target

__all__ = ['Displacement', 'along']


class Displacement(Target):
    """Pixels of the input by which a joint moves along a direction, from where the unperturbed run saw it.

    Args:
        direction: x and y, of any length; None for outward, from the mean of the person's joints to the joint.

    Raises:
        InputError: The direction has no length.
    """

    name: ClassVar[str] = 'displacement'
    kinds: ClassVar[tuple[str, ...]] = ('regression',)

    def __init__(self, direction: tuple[float, float] | None = None) -> None:
        self.direction = direction
        if direction is not None:
            wanted = torch.tensor(direction, dtype=torch.float32)
            if wanted.shape != (2,) or not wanted.isfinite().all() or wanted.norm() == 0:
                raise InputError(f'direction={direction} of target {self.name} has to be x and y, not both zero')

    def bind(
        self,
        function: PoseFunction,
        outputs: Outputs,
        pose: Pose,
        *,
        truth: Tensor | None = None,
        other: Tensor | None = None,
    ) -> BoundTarget:
        """Fix where the joints are and which way counts."""
        self.check(function)
        places = pose.places
        if self.direction is None:
            way = places - places.mean(1, keepdim=True)
        else:
            way = places.new_tensor(self.direction).expand_as(places)
        return along(function, self.name, places, way, places)


def along(function: PoseFunction, name: str, places: Tensor, way: Tensor, zero: Tensor) -> BoundTarget:
    """Bind displacements along directions.

    Args:
        function: A model that gives coordinates.
        name: Of the target.
        places: (P, K, 2) the joints, pixels of the input.
        way: (P, K, 2) directions of any length; where that is zero or NaN the target is not valid.
        zero: (P, K, 2) places from which displacements count.
    """
    readout = function.readout
    assert isinstance(readout, RegressionReadout)
    length = way.norm(dim=-1, keepdim=True)
    valid = (length[..., 0] > 1e-3) & zero.isfinite().all(-1)
    unit = torch.where(valid[..., None], way / length, 0.0)

    def measure(outputs: Outputs, fixed: Mapping[str, Tensor]) -> Tensor:
        return ((readout.pixels(outputs) - fixed['zero']) * fixed['unit']).sum(-1)

    return BoundTarget(name, places, valid, measure, {'zero': zero.nan_to_num(), 'unit': unit})
