"""Heads that MMPose does not have."""

from posescope.models.heads.calibrated_head import CalibratedHead
from posescope.models.heads.categorical_heatmap_head import CategoricalHeatmapHead
from posescope.models.heads.deep_supervision_head import DeepSupervisionHead
from posescope.models.heads.joint_token_head import JointTokenHead
from posescope.models.heads.movenet_head import MoveNetHead, MoveNetOutput
from posescope.models.heads.trans_pose_head import TransPoseHead
from posescope.models.heads.wrapped_head import WrappedHead

__all__ = [
    'CalibratedHead',
    'CategoricalHeatmapHead',
    'DeepSupervisionHead',
    'JointTokenHead',
    'MoveNetHead',
    'MoveNetOutput',
    'TransPoseHead',
    'WrappedHead',
]
