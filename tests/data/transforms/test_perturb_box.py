"""PerturbBox in MMPose's pipeline, against boxes changed by hand."""

from typing import Any

import numpy as np
import pytest
from mmengine.dataset import Compose

from posescope.data.transforms import PerturbBox
from posescope.errors import InputError

BOX = np.array([40, 30, 104, 158], np.float32)  # 64 wide, 128 high
INPUT = (48, 64)


def crop(
    box: np.ndarray, *steps: dict[str, Any], padding: float = 1.25, use_udp: bool = False, **more: Any
) -> dict[str, Any]:
    """Crop a picture of noise around a box."""
    generator = np.random.default_rng(3)
    results = {
        'img': generator.integers(0, 255, (200, 180, 3), dtype=np.uint8),
        'img_id': 7,
        'id': 11,
        'bbox': box[None].copy(),
        'keypoints': generator.uniform(40, 150, (1, 17, 2)).astype(np.float32),
        **more,
    }
    centred = {'type': 'GetBBoxCenterScale', 'padding': padding}
    return Compose([centred, *steps, {'type': 'TopdownAffine', 'input_size': INPUT, 'use_udp': use_udp}])(results)


def assert_same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert (found['img'] == wanted['img']).all()
    for key in ('transformed_keypoints', 'input_center', 'input_scale'):
        np.testing.assert_allclose(found[key], wanted[key], atol=1e-4)


@pytest.mark.parametrize(('direction', 'offset'), [(0, (20, 0)), (90, (0, 40)), (180, (-20, 0)), (270, (0, -40))])
def test_shift_is_a_shifted_box(direction: float, offset: tuple[float, float]) -> None:
    found = crop(BOX, {'type': 'PerturbBox', 'shift': 0.25, 'direction': direction})
    assert_same(found, crop(BOX + np.array(offset * 2, np.float32)))


@pytest.mark.parametrize('growth', [-0.5, 0.5, 1])
def test_scale_is_another_padding(growth: float) -> None:
    found = crop(BOX, {'type': 'PerturbBox', 'scale': growth})
    assert_same(found, crop(BOX, padding=1.25 * (1 + growth)))


def test_rotation_turns_the_crop_as_mmpose_does() -> None:
    found = crop(BOX, {'type': 'PerturbBox', 'rotation': -35})
    assert_same(found, crop(BOX, bbox_rotation=np.array([-35], np.float32)))
    # The labels turn about the middle of the crop, by as much.
    straight = crop(BOX)
    angle = np.radians(35)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middle = np.array(INPUT) / 2
    turned = (straight['transformed_keypoints'][0] - middle) @ turn + middle
    either = [np.abs(found['transformed_keypoints'][0] - wanted).max() for wanted in (
        turned, (straight['transformed_keypoints'][0] - middle) @ turn.T + middle)]  # fmt: skip
    assert min(either) < 1e-3


@pytest.mark.parametrize('box', [BOX, np.array([20, 60, 150, 90], np.float32)])
@pytest.mark.parametrize('pixels', [0.25, 2])
@pytest.mark.parametrize('towards', [0, 90, 30])
@pytest.mark.parametrize('use_udp', [False, True])
def test_pixels_are_those_of_the_input(box: np.ndarray, pixels: float, towards: float, use_udp: bool) -> None:
    step = {'type': 'PerturbBox', 'pixels': pixels, 'direction': towards, 'input_size': INPUT, 'use_udp': use_udp}
    found, unmoved = crop(box, step, use_udp=use_udp), crop(box, use_udp=use_udp)
    moved = found['transformed_keypoints'] - unmoved['transformed_keypoints']
    expected = -pixels * np.array([np.cos(np.radians(towards)), np.sin(np.radians(towards))])
    np.testing.assert_allclose(moved, np.broadcast_to(expected, moved.shape), atol=1e-4)


def test_pixels_are_those_of_the_input_also_where_the_box_grows() -> None:
    grown = {'type': 'PerturbBox', 'scale': 0.5}
    step = {**grown, 'pixels': 2, 'direction': 0, 'input_size': INPUT}
    moved = crop(BOX, step)['transformed_keypoints'] - crop(BOX, grown)['transformed_keypoints']
    np.testing.assert_allclose(moved, np.broadcast_to([-2, 0], moved.shape), atol=1e-3)


def direction(image_id: int, person: int, shift: float = 1, seed: int = 0) -> np.ndarray:
    """Where a box is shifted to, as a unit vector."""
    unit = {'bbox_center': np.zeros((1, 2)), 'bbox_scale': np.ones((1, 2)), 'img_id': image_id, 'id': person}
    return PerturbBox(shift=shift, seed=seed)(unit)['bbox_center'][0] / shift


def test_directions_are_uniform_and_stay_with_the_person() -> None:
    drawn = np.array([direction(person // 2, person) for person in range(2000)])
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1, rtol=1e-6)
    # Both coordinates have mean 0 and mean square 1/2.
    assert np.abs(drawn.mean(0)).max() < 4 * np.sqrt(0.5 / 2000)
    assert np.abs((drawn**2).mean(0) - 0.5).max() < 4 * np.sqrt(1 / 8 / 2000)
    np.testing.assert_allclose(direction(5, 6, shift=0.1), direction(5, 6, shift=2), rtol=1e-6)
    assert (direction(5, 6) != direction(5, 7)).all()
    assert (direction(5, 6) != direction(5, 6, seed=1)).all()


def test_nothing_is_nothing() -> None:
    results = {'bbox_center': np.zeros((1, 2)), 'bbox_scale': np.ones((1, 2)), 'img_id': 1, 'id': 1}
    found = PerturbBox(input_size=INPUT)(dict(results))
    assert found == results
    assert all(found[key] is results[key] for key in results)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'shift': -0.1}, 'shift=…'),
        ({'scale': -1}, '-0.9 to 9'),
        ({'rotation': 181}, '-180 to 180'),
        ({'rotation': float('nan')}, '-180 to 180'),
        ({'pixels': 1}, 'input_size'),
    ],
)
def test_bad_input(options: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        PerturbBox(**options)
