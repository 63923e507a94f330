"""Against the matrices with which MMPose cuts crops."""

import cv2
import numpy as np
import pytest
from mmpose.structures.bbox import get_udp_warp_matrix, get_warp_matrix

from posescope.capture.store.crops import cells_to_image, crop_to_image, image_to_cells

SIZES = [
    ((192, 256), (90.0, 120.0)),
    ((64, 64), (200.0, 200.0)),
    ((192, 256), (100.0, 100.0)),
    ((256, 192), (37.0, 81.0)),
]


@pytest.mark.parametrize('rotation', [0.0, 30.0, -75.5])
@pytest.mark.parametrize(('size', 'scale'), SIZES)
@pytest.mark.parametrize('udp', [False, True])
def test_undoes_the_warp(udp: bool, size: tuple, scale: tuple, rotation: float) -> None:
    center = np.array([151.25, 80.5])
    warp = (get_udp_warp_matrix if udp else get_warp_matrix)(center, np.array(scale), rotation, size)
    expected = cv2.invertAffineTransform(np.float64(warp))
    np.testing.assert_allclose(crop_to_image(center, scale, size, rotation, udp), expected, atol=2e-4, rtol=1e-5)


def test_many_at_once() -> None:
    generator = np.random.default_rng(0)
    center, scale, size = generator.uniform(50, 100, (3, 6, 2))
    rotation, udp = generator.uniform(-90, 90, 6), np.arange(6) % 2 == 0
    together = crop_to_image(center, scale, size, rotation, udp)
    for i in range(6):
        np.testing.assert_array_equal(together[i], crop_to_image(center[i], scale[i], size[i], rotation[i], udp[i]))


def test_decodes_as_mmpose_does() -> None:
    """``TopdownPoseEstimator.add_pred_to_datasample``: keypoints / input_size · input_scale + center - scale / 2."""
    center, scale, size = np.array([120, 90.0]), np.array([75, 100.0]), np.array([192, 256])
    keypoints = np.array([[0, 0], [192, 256], [31, 77.5]])
    transform = crop_to_image(center, scale, size, 0, False)
    identity = dict(scale=(1, 1), offset=(0, 0))
    found = cells_to_image(keypoints[:, ::-1], identity, transform, 192, False)[:, ::-1]
    np.testing.assert_allclose(found, keypoints / size * scale + center - 0.5 * scale, atol=1e-9)


@pytest.mark.parametrize('mirrored', [False, True])
def test_there_and_back(mirrored: bool) -> None:
    grid = dict(scale=(16.0, 8.0), offset=(7.5, -1.0))
    transforms = crop_to_image(
        [[80, 90], [10, 20.0]], [[75, 100], [60, 80.0]], [[192, 256]] * 2, [30.0, 0], [True, False]
    )
    cells = np.random.default_rng(0).uniform(0, 10, (2, 5, 2))
    image = cells_to_image(cells, grid, transforms, [192, 192], mirrored)
    np.testing.assert_allclose(image_to_cells(image, grid, transforms, [192, 192], mirrored), cells, atol=1e-9)


def test_a_mirrored_cell_looks_at_the_pixel_of_the_flipped_picture() -> None:
    """The value that ``flip(-1)`` brings to column x comes from column width - 1 - x."""
    picture = np.arange(192.0)
    flipped = picture[::-1]
    grid, identity = (
        dict(scale=(32.0, 32.0), offset=(0.0, 3.0)),
        crop_to_image([96, 128], [192, 256], [192, 256], 0, False),
    )
    for column in range(6):
        _, x = cells_to_image(np.array([[0.0, column]]), grid, identity, 192, True)[0]
        assert picture[round(x)] == flipped[32 * column + 3]
