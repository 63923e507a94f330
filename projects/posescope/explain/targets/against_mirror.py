"""Left or right?"""

from typing import ClassVar

import torch
from torch import Tensor

from posescope.explain.pose import Pose
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.contrast import Contrast

__all__ = ['AgainstMirror']


class AgainstMirror(Contrast):
    """Against the place where the joint's counterpart on the other side was seen; for joints that have one."""

    name: ClassVar[str] = 'against_mirror'

    def opposite(self, function: PoseFunction, pose: Pose, truth: Tensor | None, other: Tensor | None) -> Tensor:
        """The counterparts' places."""
        flip = torch.as_tensor(function.flip_indices, device=pose.places.device)
        sided = flip != torch.arange(len(flip), device=flip.device)
        return torch.where(sided[:, None], pose.places[:, flip], torch.nan)
