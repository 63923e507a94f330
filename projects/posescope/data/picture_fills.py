"""What a training picture shows where something in it is hidden."""

from collections.abc import Mapping
from typing import Any

import cv2
import mmcv
import numpy as np
from numpy.typing import NDArray

from posescope.errors import InputError

__all__ = ['FILLS', 'another_texture', 'filling']

FILLS = ('noise', 'mean', 'texture')
"""Kinds of fill: pixels with the mean and spread of the picture's channels; its mean; a piece of another picture."""
_TRIES = 16
"""Pictures that are drawn until one is another than the sample's own."""


def filling(
    kind: str,
    image: NDArray[Any],
    hidden: NDArray[np.bool_],
    results: Mapping[str, Any],
    generator: np.random.Generator,
) -> NDArray[np.float32]:
    """Make what hidden pixels of a picture show.

    Args:
        kind: One of :data:`FILLS`.
        image: (H, W, 3), 0 to 255.
        hidden: (H, W), N pixels of it.
        results: The sample, whose data set has the other pictures.
        generator: Draws noise and pictures.

    Returns:
        (N, 3), 0 to 255.
    """
    if kind == 'texture':
        return another_texture(image.shape, results, generator)[hidden]
    mean, spread = (values[:, 0].astype(np.float32) for values in cv2.meanStdDev(image))
    if kind == 'mean':
        spread = np.zeros_like(spread)
    noise = generator.standard_normal((int(hidden.sum()), image.shape[2]), np.float32)
    return (mean + spread * noise).clip(0, 255)


def another_texture(
    shape: tuple[int, ...], results: Mapping[str, Any], generator: np.random.Generator
) -> NDArray[np.float32]:
    """Cut a piece of a picture's size from a random picture of the same data set; what it shows may be people.

    Args:
        shape: Height, width, channels.
        results: The sample; MMPose's data sets put themselves into it.
        generator: Draws picture and place.

    Returns:
        (H, W, 3), enlarged where the other picture is smaller; of the same picture where there is no other.

    Raises:
        InputError: The sample knows no data set.
    """
    dataset = results.get('dataset')
    if dataset is None:
        raise InputError("'texture' takes pieces of other pictures, which MMPose's COCO-style data sets alone offer")
    drawn = (dataset.get_data_info(int(index))['img_path'] for index in generator.integers(len(dataset), size=_TRIES))
    path = next((path for path in drawn if path != results.get('img_path')), results.get('img_path'))
    picture = mmcv.imread(path)
    if picture is None:
        raise InputError(f'{path}: the image cannot be read')
    height, width = shape[:2]
    factor = max(height / picture.shape[0], width / picture.shape[1])
    if factor > 1:
        size = max(width, round(factor * picture.shape[1])), max(height, round(factor * picture.shape[0]))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
    top = int(generator.integers(picture.shape[0] - height + 1))
    left = int(generator.integers(picture.shape[1] - width + 1))
    return picture[top : top + height, left : left + width].astype(np.float32)
