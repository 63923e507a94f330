"""A network built by hand in which each joint has one channel, and channel 3 is the left wrist's."""

from functools import cache
from typing import Any

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
from posescope.explain.pose_function import PoseFunction
from tests.capture.pose_models import heatmap_head, msra
from tests.explain.dependency.planted_people import JOINTS, Maps

LEFT_WRIST, NOSE = 9, 0
CHANNEL_OF = [(joint + 11) % JOINTS for joint in range(JOINTS)]
"""The channel that serves each joint."""
IDLE = range(JOINTS, 2 * JOINTS)
"""Channels as strong as those, which the head does not read."""
SILENT = 2 * JOINTS
"""A channel that is zero everywhere."""


class JointChannels(nn.Module):
    """A peak at each joint, in the joint's channel; peaks elsewhere in the idle ones."""

    def __init__(self) -> None:
        super().__init__()
        self.peaks = Maps()
        self.order = [CHANNEL_OF.index(channel) for channel in range(JOINTS)]

    def forward(self, inputs: Tensor) -> tuple[Tensor]:
        peaks = self.peaks(inputs)[:, self.order]
        return (torch.cat([peaks, peaks.roll((13, 11), (2, 3)), torch.zeros_like(peaks[:, :1])], 1),)


@cache
def planted() -> PoseFunction:
    channels = 2 * JOINTS + 1
    parts = {'backbone': {'type': 'ResNet', 'depth': 18, 'base_channels': 1}, 'head': heatmap_head(channels, msra(4))}
    model: Any = MODELS.build({'type': 'TopdownPoseEstimator', **parts})
    model.backbone = JointChannels()
    weight = torch.zeros(JOINTS, channels, 1, 1)
    weight[range(JOINTS), CHANNEL_OF] = 1
    with torch.no_grad():
        model.head.final_layer.weight.copy_(weight)
        model.head.final_layer.bias.zero_()
    return PoseFunction(model, skeleton_of_file('coco'))
