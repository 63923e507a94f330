import numpy as np
import pytest
import torch

from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
from posescope.explain.attribution import BoneFrames
from posescope.explain.pictures import draw_bone_average

SKELETON = skeleton_of_file('coco')
LEFT_WRIST, LEFT_ELBOW = 9, 7


def test_means_with_joint_and_parent_marked() -> None:
    frames = BoneFrames(SKELETON, size=65, bone=16)
    places = torch.full((2, 17, 2), torch.nan)
    places[:, LEFT_WRIST], places[:, LEFT_ELBOW] = torch.tensor([30.0, 30.0]), torch.tensor([30.0, 14.0])
    maps = torch.zeros(2, 1, 64, 64)
    maps[:, 0, 14, 30] = 2  # at the elbow
    frames.add(maps, places, [LEFT_WRIST])
    average = frames.average()
    figure = draw_bone_average(average, SKELETON.joints, frames.parents, 'means', [LEFT_WRIST])
    panel, bar = figure.axes
    shown = panel.images[0].get_array()
    row, column = np.unravel_index(np.ma.filled(shown, -1).argmax(), shown.shape)
    joint, parent = (line.get_xydata()[0][::-1] for line in panel.lines)
    assert (row, column) == tuple(parent) == (16, 32)
    assert tuple(joint) == (32, 32)
    assert shown.max() == 1
    assert panel.images[0].get_clim() == (0, 1)
    assert panel.get_title() == 'left wrist\nabove: left elbow; n = 2\nlargest 1 of the whole'
    assert bar.get_ylabel() == "parts of each joint's largest value"


def test_nobody_yet() -> None:
    frames = BoneFrames(SKELETON, size=65, bone=16)
    figure = draw_bone_average(frames.average(), SKELETON.joints, frames.parents, 'means', [0])
    assert figure.axes[0].get_title().endswith('n = 0\nlargest 0 of the whole')


def test_too_many() -> None:
    frames = BoneFrames(SKELETON, size=65, bone=16)
    with pytest.raises(InputError, match='24 joints'):
        draw_bone_average(frames.average(), SKELETON.joints, frames.parents, 'means', [0] * 24)


def test_joints_without_a_bone_are_left_out() -> None:
    skeleton = skeleton_of_file('posetrack18')
    frames = BoneFrames(skeleton, size=65, bone=16)
    without = [joint for joint, parent in enumerate(frames.parents) if parent < 0]
    assert [skeleton.joints[joint] for joint in without] == ['left_ear', 'right_ear']
    figure = draw_bone_average(frames.average(), skeleton.joints, frames.parents, 'means')
    titles = [panel.get_title().partition('\n')[0] for panel in figure.axes if panel.get_title()]
    assert titles == [name.replace('_', ' ') for name in skeleton.joints if not name.endswith('_ear')]
    with pytest.raises(InputError, match='0 joints with a bone'):
        draw_bone_average(frames.average(), skeleton.joints, frames.parents, 'means', without)
