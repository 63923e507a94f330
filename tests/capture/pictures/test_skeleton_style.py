"""Joints, links and colours are those of MMPose's metainfo."""

import numpy as np
import pytest
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from posescope.capture.pictures import SkeletonStyle
from posescope.errors import InputError


def test_coco() -> None:
    metainfo = parse_pose_metainfo({'from_file': 'configs/_base_/datasets/coco.py'})
    style = SkeletonStyle.of_metainfo(metainfo)
    assert style.joints[9] == 'left_wrist'
    assert len(style.links) == 19
    assert [style.joints[end] for end in style.links[0]] == ['left_ankle', 'left_knee']
    np.testing.assert_allclose(style.joint_colours[0], [0.2, 0.6, 1])  # 51, 153, 255
    assert style.index('left_wrist') == style.index(9) == 9
    assert style.title(9) == 'left wrist'


def test_without_links_and_colours() -> None:
    style = SkeletonStyle.of_metainfo({'keypoint_id2name': {0: 'a', 1: 'b'}})
    assert style.links.shape == (0, 2)
    assert style.joint_colours.shape == (2, 3)


def test_unknown() -> None:
    style = SkeletonStyle.of_metainfo({'keypoint_id2name': {0: 'left_wrist', 1: 'nose'}})
    with pytest.raises(InputError, match="joint 'left_wrst' is not in the skeleton; nearest: left_wrist"):
        style.index('left_wrst')
    for joint in (2, -1):
        with pytest.raises(InputError, match='joints 0 to 1'):
            style.index(joint)
    with pytest.raises(InputError, match='keypoint_id2name'):
        SkeletonStyle.of_metainfo({'from_file': 'coco.py'})
