"""Turning predictions back, and the flip test off for a while."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from mmpose.structures.bbox import get_warp_matrix
from torch import nn

from posescope.evaluation.sensitivity.tester import turn_back, without_flip_test


def test_flip_test_comes_back() -> None:
    model = nn.Module()
    model.test_cfg = {'flip_test': True, 'shift_heatmap': True}
    with without_flip_test(model):
        assert model.test_cfg == {'flip_test': False, 'shift_heatmap': True}
    assert model.test_cfg['flip_test']
    with pytest.raises(KeyError), without_flip_test(model):
        raise KeyError
    assert model.test_cfg['flip_test']
    with without_flip_test(nn.Module()) as nothing:
        assert nothing is None


@pytest.mark.parametrize('turn', [-70, 25])
def test_joints_come_back_to_where_mmpose_took_them_from(turn: float) -> None:
    centre, scale, size = np.array([61.0, 47.0]), np.array([60.0, 80.0]), np.array([48, 64])
    joints = np.random.default_rng(0).uniform(20, 90, (1, 17, 2))
    in_crop = cv2.transform(joints, get_warp_matrix(centre, scale, turn, tuple(size)))
    # As MMPose's estimators map a crop to the picture.
    predicted = (in_crop / size * scale + centre - scale / 2).astype(np.float32)
    sample = SimpleNamespace(pred_instances=SimpleNamespace(keypoints=predicted), input_center=centre)
    turn_back(sample, turn)
    np.testing.assert_allclose(sample.pred_instances.keypoints, joints, atol=1e-3)
    assert sample.pred_instances.keypoints.dtype == np.float32
