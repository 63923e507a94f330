"""The uniform jitter of boxes, against the uniform distribution."""

import numpy as np
import pytest
from mmengine.registry import DefaultScope
from mmpose.registry import TRANSFORMS
from scipy import stats

CENTER, SCALE = np.array([[60.0, 80.0]], np.float32), np.array([[40.0, 100.0]], np.float32)


@pytest.fixture(scope='module')
def drawn():
    """Centres (N, 2), scales (N, 2) and rotations (N,) of a thousand samples."""
    options = {'shift_factor': 0.1, 'scale_range': (0.5, 1.1), 'rotate_factor': 30.0, 'rotate_prob': 0.6}
    with DefaultScope.overwrite_default_scope('mmpose'):  # a test before this one may have left another
        transform = TRANSFORMS.build({'type': 'UniformBBoxTransform', **options})
    np.random.seed(0)  # noqa: NPY002  MMPose's transforms draw from it
    samples = [transform({'bbox_center': CENTER.copy(), 'bbox_scale': SCALE.copy()}) for _ in range(1000)]
    return tuple(np.concatenate([s[key] for s in samples]) for key in ('bbox_center', 'bbox_scale', 'bbox_rotation'))


def is_uniform(values, low, high):
    return stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > 0.001


def test_each_change_is_uniform(drawn):
    centers, scales, rotations = drawn
    for axis in range(2):
        assert is_uniform((centers - CENTER)[:, axis] / SCALE[0, axis], -0.1, 0.1)
    assert is_uniform(scales[:, 0] / SCALE[0, 0], 0.5, 1.1)
    assert is_uniform(rotations[rotations != 0], -30, 30)
    assert stats.binomtest(int((rotations != 0).sum()), 1000, 0.6).pvalue > 0.001


def test_the_box_keeps_its_shape_and_type(drawn):
    centers, scales, rotations = drawn
    assert np.allclose(scales[:, 1] / scales[:, 0], 2.5)
    assert {array.dtype for array in drawn} == {np.dtype(np.float32)}
    assert centers.shape == scales.shape == (1000, 2)
    assert rotations.shape == (1000,)


def test_the_crop_turns_as_far_as_with_mmposes_transform():
    """TopdownAffine reads the same keys: the same numbers give the same joints."""
    results = {
        'img': np.zeros((160, 120, 3), np.uint8),
        'bbox_center': CENTER.copy(),
        'bbox_scale': SCALE.copy(),
        'keypoints': np.array([[[60.0, 80.0], [70.0, 80.0]]], np.float32),
        'keypoints_visible': np.ones((1, 2), np.float32),
    }
    still = {'type': 'UniformBBoxTransform', 'shift_factor': 0.0, 'scale_range': (1.0, 1.0), 'rotate_prob': 0.0}
    crop = TRANSFORMS.build({'type': 'TopdownAffine', 'input_size': (96, 128)})
    plain = crop({**results, 'bbox_rotation': np.zeros(1, np.float32)})
    assert np.allclose(
        crop(TRANSFORMS.build(still)(dict(results)))['transformed_keypoints'], plain['transformed_keypoints']
    )
