import numpy as np
import pytest
from mmpose.registry import KEYPOINT_CODECS

from posescope.errors import InputError
from posescope.models.codecs.expected_ks_codec import expected_similarity

SIGMAS = (0.05, 0.1, 0.05)
INNER = {'type': 'MSRAHeatmap', 'input_size': (96, 128), 'heatmap_size': (24, 32), 'sigma': 1.5}


def gaussian(x: float, y: float, sigma: float) -> np.ndarray:
    rows, columns = np.mgrid[:32, :24]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))


def codec(**inner):
    return KEYPOINT_CODECS.build(
        {'type': 'ExpectedKSCodec', 'codec': {**INNER, **inner}, 'person_size': 40.0, 'sigmas': SIGMAS}
    )


def test_a_point_is_sure_and_two_far_points_are_half_sure():
    maps = np.zeros((3, 32, 24))
    maps[0, 5, 5] = maps[1, 5, 5] = maps[1, 28, 20] = 0.3
    maps[2] -= 1
    assert expected_similarity(maps, np.array([1.0, 1.0, 1.0])) == pytest.approx([1, 0.5, 0], abs=1e-6)


@pytest.mark.parametrize('spread', [1.0, 2.0])
@pytest.mark.parametrize('scale', [1.0, 1.5])
def test_a_gaussian_map_gives_the_integral_of_two_gaussians(spread, scale):
    found = expected_similarity(gaussian(11, 16, spread)[None], np.array([scale]))
    assert found == pytest.approx([scale**2 / (scale**2 + spread**2)], rel=1e-3)


def test_the_height_of_a_peak_does_not_count():
    maps = gaussian(10, 12, 1.5)[None]
    scale = np.array([1.2])
    assert expected_similarity(0.1 * maps, scale) == pytest.approx(expected_similarity(maps, scale))


def test_joints_are_those_of_the_codec_inside_and_scores_are_by_the_joint_s_own_scale():
    made, inner = codec(unbiased=True), KEYPOINT_CODECS.build({**INNER, 'unbiased': True})
    maps = np.stack([gaussian(5.3, 8.1, 1.5), gaussian(12.2, 20.4, 1.5), gaussian(12, 20, 3.0)]).astype(np.float32)
    joints, scores = made.decode(maps)
    np.testing.assert_array_equal(joints, inner.decode(maps)[0])
    # 2σ · 40 pixels of the input, of which four make a cell
    s = 2 * np.array(SIGMAS) * 40 / 4
    spread = np.array([1.5, 1.5, 3.0])
    assert scores[0] == pytest.approx(s**2 / (s**2 + spread**2), rel=0.1)
    assert scores.shape == (1, 3)


def test_it_encodes_as_the_codec_inside_does_and_has_its_sizes():
    made, inner = codec(), KEYPOINT_CODECS.build(INNER)
    joints = np.array([[[20.0, 30], [50, 60], [70, 90]]], np.float32)
    for key, value in inner.encode(joints).items():
        np.testing.assert_array_equal(made.encode(joints)[key], value)
    assert made.heatmap_size == inner.heatmap_size
    assert not made.support_batch_decoding
    assert not hasattr(made, 'nothing')


def test_codecs_with_other_maps_are_refused():
    with pytest.raises(InputError, match='4 maps and 3 sigmas for 4 joints of MSRAHeatmap'):
        codec().decode(np.ones((4, 32, 24)))
