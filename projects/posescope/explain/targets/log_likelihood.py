"""The density that coordinates with a spread stand for."""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from posescope.errors import InputError
from posescope.explain.outputs import Outputs
from posescope.explain.pose import Pose
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget
from posescope.explain.targets.target import Target

__all__ = ['LogLikelihood']


class LogLikelihood(Target):
    """log q(p₀) where q has the predicted mean and spread of an ``RLEHead``.

    q is the Laplace or Gaussian distribution of the head's ``RLELoss`` (J. Li et al., ICCV 2021), a density per unit
    of the input's width and height. The flow that corrects it in training is no part of a deployed model and left out.
    At the unperturbed input p₀ is the mean, where only the spread has a gradient.
    """

    name: ClassVar[str] = 'log_likelihood'
    kinds: ClassVar[tuple[str, ...]] = ('regression',)

    def bind(
        self,
        function: PoseFunction,
        outputs: Outputs,
        pose: Pose,
        *,
        truth: Tensor | None = None,
        other: Tensor | None = None,
    ) -> BoundTarget:
        """Fix the predicted places.

        Raises:
            InputError: The head predicts no spread.
        """
        self.check(function)
        assert outputs.regression is not None
        if outputs.regression.shape[-1] != 4:
            raise InputError(
                f"target '{self.name}' needs a head that predicts a spread, such as RLEHead; "
                f'{type(function.readout.head).__name__} gives coordinates alone: take displacement'
            )
        gaussian = getattr(function.readout.head.loss_module, 'q_distribution', 'laplace') == 'gaussian'

        def measure(outputs: Outputs, fixed: Mapping[str, Tensor]) -> Tensor:
            assert outputs.regression is not None
            spread = outputs.regression[..., 2:].sigmoid()
            error = (outputs.regression[..., :2] - fixed['place']) / spread
            if gaussian:
                return -(spread.log() + math.log(2 * math.pi) / 2 + error.square() / 2).sum(-1)
            return -((2 * spread).log() + error.abs()).sum(-1)

        place = outputs.regression[..., :2].detach()
        return BoundTarget(
            self.name, pose.places, torch.ones_like(pose.scores, dtype=torch.bool), measure, {'place': place}
        )
