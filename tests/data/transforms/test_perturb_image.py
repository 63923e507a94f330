"""PerturbImage against other implementations and closed forms."""

import io

import cv2
import numpy as np
import pytest
from mmpose.registry import TRANSFORMS
from PIL import Image
from scipy.ndimage import gaussian_filter

from posescope.data.transforms import PerturbImage
from posescope.errors import InputError


@pytest.fixture
def picture() -> np.ndarray:
    """A smooth picture with some texture, (96, 128, 3) uint8."""
    noise = np.random.default_rng(0).uniform(0, 255, (96, 128, 3)).astype(np.float32)
    return (cv2.GaussianBlur(noise, (0, 0), 2) * 2 - 128).clip(0, 255).astype(np.uint8)


def perturbed(image: np.ndarray, kind: str, amount: float, image_id: int | str = 1, seed: int = 0) -> np.ndarray:
    transform = TRANSFORMS.build({'type': 'PerturbImage', 'kind': kind, 'amount': amount, 'seed': seed})
    return transform({'img': image.copy(), 'img_id': image_id})['img']


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs(a.astype(float) - b.astype(float))


@pytest.mark.parametrize('sigma', [0.8, 2, 5])
def test_blur_is_scipys(picture: np.ndarray, sigma: float) -> None:
    wanted = gaussian_filter(picture.astype(float), (sigma, sigma, 0), mode='mirror')
    assert difference(perturbed(picture, 'blur', sigma), wanted).max() < 2


@pytest.mark.parametrize('lost', [0.25, 0.5, 0.9, 1])
def test_darkness_scales_light(picture: np.ndarray, lost: float) -> None:
    assert difference(perturbed(picture, 'darkness', lost), picture * (1 - lost)).max() <= 0.501


def test_noise_has_its_mean_and_deviation() -> None:
    grey = np.full((200, 300, 3), 128, np.uint8)
    noise = perturbed(grey, 'noise', 20) - 128.0
    assert abs(noise.mean()) < 5 * 20 / np.sqrt(noise.size)
    # Rounding adds a variance of 1/12.
    assert noise.std() == pytest.approx(np.sqrt(20**2 + 1 / 12), rel=0.01)
    assert abs(np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]) < 0.02


def test_noise_belongs_to_the_picture_and_the_seed() -> None:
    grey = np.full((20, 30, 3), 128, np.float32)
    noise = perturbed(grey, 'noise', 4) - grey
    assert (perturbed(grey, 'noise', 4) - grey == noise).all()
    np.testing.assert_allclose(perturbed(grey, 'noise', 8) - grey, 2 * noise, atol=1e-4)
    for other in (perturbed(grey, 'noise', 4, image_id=2), perturbed(grey, 'noise', 4, image_id='1b')):
        assert (other - grey != noise).mean() > 0.99
    assert (perturbed(grey, 'noise', 4, seed=1) - grey != noise).mean() > 0.99


@pytest.mark.parametrize('strength', [30, 80])
def test_jpeg_is_that_of_other_encoders(picture: np.ndarray, strength: int) -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture[..., ::-1].copy()).save(buffer, 'JPEG', quality=100 - strength)
    wanted = np.array(Image.open(buffer))[..., ::-1]
    assert difference(perturbed(picture, 'jpeg', strength), wanted).mean() < 0.7
    assert difference(picture, wanted).mean() > 1.5


def test_half_the_resolution_is_pillows(picture: np.ndarray) -> None:
    small = Image.fromarray(picture).reduce(2)
    wanted = np.array(small.resize((128, 96), Image.Resampling.BILINEAR))
    assert difference(perturbed(picture, 'resolution', 0.5), wanted).max() <= 2


@pytest.mark.parametrize(('kind', 'amount'), [('resolution', 0.7), ('blur', 3), ('jpeg', 60), ('darkness', 0.3)])
def test_nothing_moves(kind: str, amount: float) -> None:
    y, x = np.mgrid[:97, :131]
    spot = 200 * np.exp(-((x - 61.3) ** 2 + (y - 45.8) ** 2) / (2 * 9.0**2))
    image = np.repeat(spot[..., None], 3, axis=2).astype(np.float32)
    changed = perturbed(image, kind, amount)[..., 1].astype(float)
    changed[changed < 3] = 0
    centre = [(axis * changed).sum() / changed.sum() for axis in (x, y)]
    np.testing.assert_allclose(centre, [61.3, 45.8], atol=0.15)


@pytest.mark.parametrize('kind', ['resolution', 'blur', 'noise', 'jpeg', 'darkness'])
def test_amounts_of_nothing_and_types(picture: np.ndarray, kind: str) -> None:
    results = {'img': picture, 'img_id': 1}
    assert PerturbImage(kind, 0)(results)['img'] is picture
    for dtype in (np.uint8, np.float32):
        before = picture.astype(dtype)
        after = perturbed(before, kind, 0.5)
        assert after.dtype == dtype
        assert after.shape == before.shape
        assert (before == picture).all()


def test_bad_input() -> None:
    with pytest.raises(InputError, match='nearest are blur'):
        PerturbImage('blurr', 1)
    for amount in (-1, 1.5, float('nan')):
        with pytest.raises(InputError, match=r'darkness\): the amount has to be in 0 to 1'):
            PerturbImage('darkness', amount)
