"""How a skeleton is drawn: its joints, the links between them, and their colours, as MMPose's metainfo tells them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posescope.errors import InputError, nearest

__all__ = ['SkeletonStyle']


@dataclass(frozen=True)
class SkeletonStyle:
    """The drawing of K joints and M links.

    Attributes:
        joints: Names of the joints.
        links: (M, 2) indices of the joints that are linked.
        joint_colours: (K, 3) RGB from 0 to 1.
        link_colours: (M, 3) RGB from 0 to 1.
    """

    joints: tuple[str, ...]
    links: NDArray[np.int64]
    joint_colours: NDArray[np.float64]
    link_colours: NDArray[np.float64]

    @classmethod
    def of_metainfo(cls, metainfo: Mapping[str, Any]) -> 'SkeletonStyle':
        """Read parsed metainfo, such as ``dataset_meta`` of a model; what has no colour there is drawn grey.

        Raises:
            InputError: It names no joints.
        """
        names = metainfo.get('keypoint_id2name')
        if not names:
            raise InputError('metainfo without keypoint_id2name names no joints: give parsed metainfo (dataset_meta)')
        joints = tuple(names[joint] for joint in range(len(names)))
        links = np.array(metainfo.get('skeleton_links') or [], np.int64).reshape(-1, 2)
        return cls(
            joints,
            links,
            _colours(metainfo.get('keypoint_colors'), len(joints)),
            _colours(metainfo.get('skeleton_link_colors'), len(links)),
        )

    def index(self, joint: str | int) -> int:
        """Find a joint by its name or number.

        Raises:
            InputError: There is none; the message offers the nearest names.
        """
        if isinstance(joint, str):
            if joint not in self.joints:
                raise InputError(f'joint {joint!r} is not in the skeleton; nearest: {nearest(joint, self.joints)}')
            return self.joints.index(joint)
        if not 0 <= joint < len(self.joints):
            raise InputError(f'joint {joint} is not in the skeleton, which has joints 0 to {len(self.joints) - 1}')
        return int(joint)

    def title(self, joint: str | int) -> str:
        """Name a joint in words: ``left wrist``."""
        return self.joints[self.index(joint)].replace('_', ' ')


def _colours(colours: Any, count: int) -> NDArray[np.float64]:
    if colours is None or len(colours) != count:
        return np.full((count, 3), 0.8)
    return np.asarray(colours, np.float64).reshape(count, 3) / 255
