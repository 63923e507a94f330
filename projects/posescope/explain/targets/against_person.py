"""This person or another?"""

from typing import ClassVar

from torch import Tensor

from posescope.explain.pose import Pose
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.contrast import Contrast, within_input

__all__ = ['AgainstPerson']


class AgainstPerson(Contrast):
    """Against the place of the same joint of another person in the crop; needs ``other``."""

    name: ClassVar[str] = 'against_person'

    def opposite(self, function: PoseFunction, pose: Pose, truth: Tensor | None, other: Tensor | None) -> Tensor:
        """The other person's joints."""
        return within_input(function, self.needed(other, 'other', pose))
