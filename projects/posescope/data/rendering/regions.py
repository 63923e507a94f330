"""Where on the body a vertex lies: its body part, and how far along the arm or the leg it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posescope.data.body_parts import BODY_PARTS

_PART_OF_BONE = (
    ('upperarm', 'upper_arm'),
    ('lowerarm', 'forearm'),
    ('wrist', 'hand'),
    ('finger', 'hand'),
    ('metacarpal', 'hand'),
    ('upperleg', 'thigh'),
    ('lowerleg', 'lower_leg'),
    ('foot', 'foot'),
    ('toe', 'foot'),
)
_HEAD_BONES = ('head', 'eye.L', 'eye.R')

NOWHERE = -9.0
"""The coordinate along a limb of a vertex that has nothing to do with the limb."""


@dataclass(frozen=True)
class Regions:
    """Where each vertex of the base mesh lies. Coordinates are those of the reference pose, so they suit every body.

    Attributes:
        part: (V,) uint8, values of ``BODY_PARTS``.
        arm: (V,) float64: 0 at the shoulder, 1 at the elbow, 2 at the wrist; negative towards the neck.
        leg: (V,) float64: 0 at the height of the hip joint, 1 at the knee, 2 at the ankle; negative up the torso.
        rest: (V, 3) float64, metres.
    """

    part: np.ndarray
    arm: np.ndarray
    leg: np.ndarray
    rest: np.ndarray

    @classmethod
    def of(cls, rest: np.ndarray, joints: np.ndarray, dominant_bone: np.ndarray, bones: Sequence[str]) -> Regions:
        """Work out where each vertex lies.

        Args:
            rest: (V, 3) vertices in the reference pose.
            joints: (17, 3) COCO joints in the reference pose.
            dominant_bone: (V,) index of the bone that moves each vertex most.
            bones: Names of the bones.
        """
        part = np.array([BODY_PARTS[_part(bone)] for bone in bones], dtype=np.uint8)[dominant_bone]
        in_arm = np.isin(part, [BODY_PARTS[f'{side}_{name}'] for side in ('left', 'right') for name in _ARM])
        mirrored = rest.copy()
        mirrored[:, 0] = np.abs(mirrored[:, 0])
        shoulder, elbow, wrist = joints[5], joints[7], joints[9]
        upper = _along(mirrored, shoulder, elbow)
        arm = np.where(upper < 1, upper, np.maximum(1.0, 1 + _along(mirrored, elbow, wrist)))
        chest = joints[5, 2] - 0.25
        arm = np.where(in_arm, arm, np.where(rest[:, 2] > chest, np.minimum(upper, 0.0), NOWHERE))
        hip, knee, ankle = joints[11, 2], joints[13, 2], joints[15, 2]
        above = (hip - rest[:, 2]) / (hip - knee)
        leg = np.where(above < 1, above, 1 + (knee - rest[:, 2]) / (knee - ankle))
        return cls(part, arm, np.where(in_arm, NOWHERE, leg), rest)

    def face_parts(self, faces: np.ndarray) -> np.ndarray:
        """Tell the part of each face, by the majority of its corners; (F, 3) int to (F,) uint8."""
        a, b, c = (self.part[faces[:, corner]] for corner in range(3))
        return np.where(b == c, b, a)


_ARM = ('upper_arm', 'forearm', 'hand')


def _part(bone: str) -> str:
    """Name the body part that a bone moves."""
    for start, part in _PART_OF_BONE:
        if bone.startswith(start):
            return f'{"left" if ".L" in bone else "right"}_{part}'
    return 'head' if bone in _HEAD_BONES else 'torso'


def _along(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Project points on the line from start (0) to end (1); (N, 3) to (N,)."""
    direction = (end - start) / ((end - start) ** 2).sum()
    # Written out: a matrix product may round differently on another machine.
    return ((points - start) * direction).sum(axis=1)
