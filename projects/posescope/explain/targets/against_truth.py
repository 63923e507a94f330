"""Why not where the joint is?"""

from typing import ClassVar

from torch import Tensor

from posescope.explain.pose import Pose
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.contrast import Contrast, within_input

__all__ = ['AgainstTruth']


class AgainstTruth(Contrast):
    """Against the labelled place; needs ``truth``. What speaks for the prediction is what speaks for the error."""

    name: ClassVar[str] = 'against_truth'

    def opposite(self, function: PoseFunction, pose: Pose, truth: Tensor | None, other: Tensor | None) -> Tensor:
        """The labels."""
        return within_input(function, self.needed(truth, 'truth', pose))
