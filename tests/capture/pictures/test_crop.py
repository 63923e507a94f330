"""A crop knows which part of the image the network saw."""

import numpy as np
import pytest
from mmpose.structures.bbox import get_udp_warp_matrix, get_warp_matrix

from posescope.capture.pictures import Crop
from posescope.capture.store.sample import Sample
from posescope.errors import InputError
from tests.capture.pictures.drawn_crop import KEYPOINTS, STYLE, TO_IMAGE, drawn_crop


def test_region() -> None:
    crop = drawn_crop()
    left, right, top, bottom = 1.5 * -0.5 + 10, 1.5 * 63.5 + 10, 1.5 * -0.5 - 20, 1.5 * 95.5 - 20
    np.testing.assert_allclose(crop.outline, [[left, top], [right, top], [right, bottom], [left, bottom]])
    assert crop.limits == (left, right, bottom, top)
    assert crop.aspect == pytest.approx(96 / 64)


@pytest.mark.parametrize('rotation', [0.0, 30.0])
@pytest.mark.parametrize('udp', [False, True])
def test_of_a_stored_row_as_mmpose_cuts(udp: bool, rotation: float) -> None:
    center, scale, size = np.array([70.0, 60.0]), np.array([90.0, 120.0]), (96, 128)
    sample = Sample(5, 7, np.zeros(4), 1.0, center, scale, np.array(size), rotation, udp, KEYPOINTS, np.ones(3))
    crop = Crop.of_sample(sample, STYLE)
    cut = (get_udp_warp_matrix if udp else get_warp_matrix)(center, scale, rotation, size)
    np.testing.assert_allclose(crop.pixels(KEYPOINTS @ cut[:, :2].T + cut[:, 2]), KEYPOINTS, atol=1e-3)
    assert crop.input_size == size
    assert crop.title == 'image 5, person 7'
    np.testing.assert_array_equal(crop.people, [KEYPOINTS])


def test_an_image_without_people() -> None:
    sample = Sample(5, None, np.zeros(4), 1.0, np.ones(2), np.ones(2), np.array([8, 8]))
    crop = Crop.of_sample(sample, STYLE)
    assert crop.people.shape == (0, 3, 2)
    assert crop.title == 'image 5'


def test_wrong_crops() -> None:
    with pytest.raises(InputError, match=r'keypoints has shape \(2, 2\), not \(3, 2\)'):
        drawn_crop(keypoints=KEYPOINTS[:2])
    with pytest.raises(InputError, match='no finite map'):
        drawn_crop(to_image=TO_IMAGE * 0)
    with pytest.raises(InputError, match=r'to_image has shape \(3, 3\)'):
        drawn_crop(to_image=np.eye(3))
    with pytest.raises(InputError, match=r'input_size=\(0, 96\)'):
        Crop(TO_IMAGE, (0, 96), STYLE)
    with pytest.raises(InputError, match='photograph is float64'):
        Crop(TO_IMAGE, (64, 96), STYLE, photograph=np.zeros((4, 4, 3)))  # type: ignore[arg-type]
