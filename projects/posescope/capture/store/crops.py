"""From the model's input to the image and back, as MMPose cuts its crops."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ['cells_to_image', 'crop_to_image', 'image_to_cells']


def crop_to_image(
    center: ArrayLike, scale: ArrayLike, size: ArrayLike, rotation: ArrayLike, udp: ArrayLike
) -> NDArray[np.float64]:
    """Give the affine maps from pixels of the model's input to pixels of the image.

    The inverses of MMPose's ``get_warp_matrix`` (one factor, from the widths, for both axes) and of
    ``get_udp_warp_matrix`` (J. Huang et al., The Devil is in the Details, CVPR 2020: sizes are counted in steps between
    pixels). The two turn in opposite directions, as they do in MMPose.

    Args:
        center: (..., 2) x, y of the crop's middle, image pixels.
        scale: (..., 2) width, height of the crop, image pixels.
        size: (..., 2) width, height of the model's input.
        rotation: (...) degrees.
        udp: (...) whether the unbiased transform cut it.

    Returns:
        (..., 2, 3), to be multiplied with (x, y, 1).
    """
    center, scale, size = (np.asarray(values, np.float64) for values in (center, scale, size))
    unbiased = np.asarray(udp, bool)[..., None]
    angle = np.deg2rad(np.asarray(rotation, np.float64)) * np.where(unbiased[..., 0], -1, 1)
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1).reshape(*angle.shape, 2, 2)
    factor = np.where(unbiased, scale / (size - unbiased), scale[..., :1] / size[..., :1])
    middle = np.where(unbiased, scale / 2, size * factor / 2)
    linear = turn * factor[..., None, :]
    shift = center - (turn @ middle[..., None])[..., 0]
    return np.concatenate([linear, shift[..., None]], -1)


def cells_to_image(
    yx: NDArray[np.float64], grid: Mapping[str, Any], transform: NDArray[np.float64], width: ArrayLike, mirrored: bool
) -> NDArray[np.float64]:
    """Say which pixel of the image stands under a place on a map.

    Args:
        yx: (..., P, 2) row and column on the map; fractions are allowed.
        grid: ``scale`` and ``offset``, each for y and x: input pixel = scale · cell + offset.
        transform: (..., 2, 3) of :func:`crop_to_image`.
        width: (...) of the model's input; used where ``mirrored``.
        mirrored: The map belongs to the mirrored input.

    Returns:
        (..., P, 2) y and x, image pixels.
    """
    xy = (yx * np.asarray(grid['scale']) + np.asarray(grid['offset']))[..., ::-1].copy()
    if mirrored:
        xy[..., 0] = np.asarray(width, np.float64)[..., None] - 1 - xy[..., 0]
    return (xy @ transform[..., :2].swapaxes(-1, -2) + transform[..., None, :, 2])[..., ::-1]


def image_to_cells(
    yx: NDArray[np.float64], grid: Mapping[str, Any], transform: NDArray[np.float64], width: ArrayLike, mirrored: bool
) -> NDArray[np.float64]:
    """Say where on a map a pixel of the image lies; undoes :func:`cells_to_image`.

    Args:
        yx: (..., P, 2) y and x, image pixels.
        grid: As there.
        transform: As there.
        width: As there.
        mirrored: As there.

    Returns:
        (..., P, 2) row and column on the map, with fractions.
    """
    inverse = np.linalg.inv(transform[..., :2])
    xy = (yx[..., ::-1] - transform[..., None, :, 2]) @ inverse.swapaxes(-1, -2)
    if mirrored:
        xy[..., 0] = np.asarray(width, np.float64)[..., None] - 1 - xy[..., 0]
    return (xy[..., ::-1] - np.asarray(grid['offset'])) / np.asarray(grid['scale'])
