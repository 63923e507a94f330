"""Make a picture worse in one respect, by a stated amount, without moving anything in it."""

import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS
from numpy.typing import NDArray

from posescope.errors import InputError, nearest

__all__ = ['IMAGE_LIMITS', 'PerturbImage']

IMAGE_LIMITS = {
    'resolution': (0.0, 0.98),
    'blur': (0.0, 100.0),
    'noise': (0.0, 255.0),
    'jpeg': (0.0, 99.0),
    'darkness': (0.0, 1.0),
}
"""What can be done to a picture -> least and greatest amount."""


@TRANSFORMS.register_module()
class PerturbImage(BaseTransform):
    """Blur, darken, … the picture of a sample; stands after ``LoadImage``, where the whole picture is at hand.

    Joints stay where they are, so labels stay right. An amount of 0 leaves the picture alone to the bit. People of one
    picture see the same noise, in every run and process, and a stronger noise is the same field times a number.

    Required Keys:

        - img
        - img_id

    Modified Keys:

        - img

    Args:
        kind: ``'resolution'``: the share of width and height that is lost when the picture is made smaller and put back
            to its size (0.75 leaves a quarter of each); ``'blur'``: standard deviation of a Gaussian, pixels;
            ``'noise'``: standard deviation of Gaussian noise, of 255 grey levels; ``'jpeg'``: 100 minus the quality;
            ``'darkness'``: share of the light that is taken away.
        amount: How much.
        seed: Of the noise.

    Raises:
        InputError: There is no such kind, or it cannot be done to this amount.
    """

    def __init__(self, kind: str, amount: float, seed: int = 0) -> None:
        if kind not in IMAGE_LIMITS:
            raise InputError(f"PerturbImage(kind='{kind}'): nearest are {nearest(kind, IMAGE_LIMITS)}")
        low, high = IMAGE_LIMITS[kind]
        if not low <= amount <= high:
            raise InputError(f'PerturbImage({kind}): the amount has to be in {low:g} to {high:g}, not {amount:g}')
        self.kind, self.amount, self.seed = kind, amount, seed

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replace ``results['img']``, (H, W, 3) uint8 or float32 in 0 to 255, by a changed copy."""
        if self.amount:
            image = results['img']
            if self.kind == 'noise':
                # crc32 takes ids that are no numbers too.
                generator = np.random.default_rng([self.seed, zlib.crc32(str(results['img_id']).encode())])
                changed = image + self.amount * generator.standard_normal(image.shape, np.float32)
            else:
                changed = _CHANGES[self.kind](image, self.amount)
            results['img'] = _as(changed, image.dtype)
        return results

    def __repr__(self) -> str:
        return f'PerturbImage(kind={self.kind!r}, amount={self.amount}, seed={self.seed})'


def _lower_resolution(image: NDArray[Any], lost: float) -> NDArray[Any]:
    height, width = image.shape[:2]
    size = max(1, round(width * (1 - lost))), max(1, round(height * (1 - lost)))
    # Both directions align the outer edges of the picture, so nothing moves.
    return cv2.resize(cv2.resize(image, size, interpolation=cv2.INTER_AREA), (width, height))


def _blur(image: NDArray[Any], sigma: float) -> NDArray[Any]:
    return cv2.GaussianBlur(image, (0, 0), sigma)


def _compress(image: NDArray[Any], strength: float) -> NDArray[Any]:
    quality = [cv2.IMWRITE_JPEG_QUALITY, round(100 - strength)]
    _, code = cv2.imencode('.jpg', _as(image, np.dtype(np.uint8)), quality)
    return cv2.imdecode(code, cv2.IMREAD_UNCHANGED)


def _darken(image: NDArray[Any], lost: float) -> NDArray[Any]:
    return image * np.float32(1 - lost)


def _as(image: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the picture with this type, rounded if it is one of integers."""
    if image.dtype == dtype:
        return image
    return np.clip(np.rint(image) if dtype.kind in 'ui' else image, 0, 255).astype(dtype)


_CHANGES: dict[str, Callable[[NDArray[Any], float], NDArray[Any]]] = {
    'resolution': _lower_resolution,
    'blur': _blur,
    'jpeg': _compress,
    'darkness': _darken,
}
