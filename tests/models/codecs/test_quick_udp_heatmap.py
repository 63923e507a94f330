"""Targets of MMPose's codec, drawn for all joints at once."""

import numpy as np
import pytest
from mmpose.codecs import UDPHeatmap

from posescope.models.codecs import QuickUDPHeatmap


@pytest.mark.parametrize(('sigma', 'size'), [(4 / 3, (24, 32)), (2.0, (48, 64)), (1.5, (24, 32))])
def test_targets_are_those_of_mmpose(sigma: float, size: tuple[int, int]) -> None:
    settings = {'input_size': (96, 128), 'heatmap_size': size, 'sigma': sigma}
    ours, theirs = QuickUDPHeatmap(**settings), UDPHeatmap(**settings)
    generator = np.random.default_rng(0)
    for _ in range(100):  # joints inside, near the border and far outside, labelled or not
        keypoints = generator.uniform([-60, -60], [160, 190], (1, 17, 2)).astype(np.float32)
        visible = generator.choice([0, 0.7, 1], (1, 17)).astype(np.float32)
        found, expected = ours.encode(keypoints, visible), theirs.encode(keypoints, visible)
        np.testing.assert_allclose(found['heatmaps'], expected['heatmaps'], atol=1e-6)
        np.testing.assert_array_equal(found['keypoint_weights'], expected['keypoint_weights'])
        assert found['heatmaps'].dtype == np.float32
    everywhere = ours.encode(keypoints)
    np.testing.assert_array_equal(everywhere['keypoint_weights'], theirs.encode(keypoints)['keypoint_weights'])
