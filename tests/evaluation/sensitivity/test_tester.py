"""Turning predictions back, and the flip test off for a while."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from mmengine.dataset import Compose
from mmpose.structures.bbox import get_warp_matrix
from torch import nn

from posescope.evaluation.sensitivity.factors import FACTORS
from posescope.evaluation.sensitivity.pipeline import perturbed
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


def test_plus_30_degrees_are_the_same_turn_with_udp_and_without() -> None:
    """A model that sees every joint in its crop is right in the picture, and both crops show the same picture."""
    joints = np.random.default_rng(0).uniform(20, 90, (1, 17, 2)).astype(np.float32)
    size, box = np.array([96, 128]), np.array([[10, 5, 100, 125]], np.float32)  # 90 wide, 120 high
    crops = {}
    for udp in (False, True):
        warp = {'type': 'TopdownAffine', 'input_size': tuple(size.tolist()), 'use_udp': udp}
        steps = perturbed([{'type': 'LoadImage'}, {'type': 'GetBBoxCenterScale'}, warp], FACTORS['rotation'], 30.0, 0)
        picture = np.zeros((140, 120, 3), np.uint8)
        loaded = {'img': picture, 'img_id': 1, 'id': 1, 'bbox': box, 'keypoints': joints}
        found = Compose(steps[1:])(loaded)
        crops[udp] = found['transformed_keypoints'] / (size - udp)  # UDP's pixels reach from centre to centre
        predicted = crops[udp] * found['input_scale'] + found['input_center'] - found['input_scale'] / 2
        sample = SimpleNamespace(
            pred_instances=SimpleNamespace(keypoints=predicted), input_center=found['input_center']
        )
        turn_back(sample, 30.0)
        np.testing.assert_allclose(sample.pred_instances.keypoints, joints, atol=1e-3)
    np.testing.assert_allclose(crops[True], crops[False], atol=1e-5)
