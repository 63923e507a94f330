"""The drawn region is what MMPose's warp cuts out."""

from typing import Any

import cv2
import numpy as np
import pytest
from mmpose.datasets.transforms import GetBBoxCenterScale, LoadImage, RandomBBoxTransform, TopdownAffine
from mmpose.structures.bbox import get_udp_warp_matrix, get_warp_matrix

from posescope.report.preprocessing import crop_region, draw_steps, run_steps

SIZES = [(48, 64), (64, 64), (96, 64)]
CENTRE, SCALE, TURN = np.array([70.0, 55.0]), np.array([60.0, 50.0]), 35.0


def fitted(scale: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return TopdownAffine._fix_aspect_ratio(scale[None], size[0] / size[1])[0]


def mapped(corners: np.ndarray, warp: np.ndarray) -> np.ndarray:
    return cv2.transform(np.asarray(corners, np.float64)[None], np.asarray(warp, np.float64))[0]


def corners(width: float, height: float) -> np.ndarray:
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('turn', [0.0, TURN, -100.0])
def test_its_corners_become_those_of_the_crop(size: tuple[int, int], turn: float) -> None:
    results = {'bbox_center': CENTRE[None], 'bbox_scale': SCALE[None], 'bbox_rotation': np.array([turn])}
    warps = {
        False: get_warp_matrix(CENTRE, fitted(SCALE, size), turn, size),
        True: get_udp_warp_matrix(CENTRE, fitted(SCALE, size), turn, size),
    }
    for udp, warp in warps.items():
        found = mapped(crop_region(results, size, udp), warp)
        np.testing.assert_allclose(found, corners(size[0] - udp, size[1] - udp), atol=1e-3)


@pytest.fixture
def sample() -> dict[str, Any]:
    """A picture in which colour tells the place: red grows to the right, green downwards."""
    x, y = np.meshgrid(np.arange(160), np.arange(120))
    return {
        'img': np.stack([np.zeros_like(x), y, x], -1).astype(np.uint8),
        'img_path': None,
        'bbox': np.array([[50, 40, 100, 75]], np.float32),
        'bbox_score': np.ones(1, np.float32),
        'keypoints': np.array([[[60.0, 50.0], [80.0, 60.0]]], np.float32),
        'keypoints_visible': np.ones((1, 2), np.float32),
    }


@pytest.mark.parametrize('udp', [False, True])
def test_pixels_at_the_corners_come_from_there(sample: dict[str, Any], udp: bool) -> None:
    width, height = 48, 64
    np.random.seed(1)  # noqa: NPY002
    turn = RandomBBoxTransform(shift_prob=0, scale_prob=0, rotate_prob=1, rotate_factor=40)
    steps = run_steps([LoadImage(), GetBBoxCenterScale(padding=1.0), turn, TopdownAffine((width, height), udp)], sample)
    assert [name for name, _ in steps][2:] == ['RandomBBoxTransform', 'TopdownAffine']
    panels = draw_steps(steps).axes
    assert [len(panel.patches) for panel in panels] == [0, 1, 1, 0]
    assert abs(steps[2][1]['bbox_rotation'][0]) > 5
    # The region of the plain box is upright and has the crop's shape, 3:4: the box was 50 wide and 35 high.
    np.testing.assert_allclose(np.ptp(panels[1].patches[0].get_xy(), axis=0), [50, 50 / 0.75], atol=1e-3)
    region = panels[2].patches[0].get_xy()[:4]
    inwards = region.mean(0) + 0.9 * (region - region.mean(0))
    middle = np.array([width - udp, height - udp]) / 2
    places = middle + 0.9 * (corners(width - udp, height - udp) - middle)
    colours = cv2.remap(
        steps[3][1]['img'].astype(np.float32), *np.float32(places).T[..., None], interpolation=cv2.INTER_LINEAR
    )
    np.testing.assert_allclose(colours[:, 0, 2:0:-1], inwards, atol=1)


def test_without_a_crop_no_region_is_drawn(sample: dict[str, Any]) -> None:
    panels = draw_steps(run_steps([LoadImage(), GetBBoxCenterScale()], sample)).axes
    assert [len(panel.patches) for panel in panels] == [0, 0]
