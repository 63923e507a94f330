"""From pixels of a model's input to pixels of the picture."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from posescope.errors import InputError

__all__ = ['to_picture']


def to_picture(maps: ArrayLike | Tensor, to_image: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float32]:
    """Spread each pixel of the input evenly over the part of the picture that it shows.

    Sums are kept: over the picture a map sums to what it sums to over the input, less what lies beside the picture.

    Args:
        maps: (…, H, W); a tensor may be on any device.
        to_image: (2, 3) pixel (x, y, 1) of the input -> pixel (x, y) of the picture, upright.
        size: Width and height of the picture, pixels.

    Returns:
        (…, height, width) float32, zero where the input shows nothing.

    Raises:
        InputError: The crop is turned or mirrored.
    """
    values = np.asarray(maps.detach().cpu() if isinstance(maps, Tensor) else maps, np.float32)
    (scale_x, skew_x, left), (skew_y, scale_y, top) = to_image
    if not (scale_x > 0 and scale_y > 0 and max(abs(skew_x), abs(skew_y)) < 1e-6 * min(scale_x, scale_y)):
        raise InputError('maps of turned or mirrored crops cannot be laid on the picture: leave rotations out of the '
                         'test pipeline')  # fmt: skip
    rows, down = _overlaps(values.shape[-2], size[1], scale_y, top)
    columns, across = _overlaps(values.shape[-1], size[0], scale_x, left)
    found = np.zeros((*values.shape[:-2], size[1], size[0]), np.float32)
    found[..., rows, columns] = down @ values @ across.T
    return found


def _overlaps(cells: int, pixels: int, scale: float, offset: float) -> tuple[slice, NDArray[np.float32]]:
    """What of each cell falls into each pixel, both squares around whole numbers.

    Returns:
        The pixels that cells reach, and (P, cells) shares of these.
    """
    edges = scale * (np.arange(cells + 1) - 0.5) + offset + 0.5  # pixel p reaches from p to p + 1
    first, last = int(np.clip(np.floor(edges[0]), 0, pixels)), int(np.clip(np.ceil(edges[-1]), 0, pixels))
    starts = np.arange(first, max(first, last), dtype=np.float64)[:, None]
    shared = np.minimum(edges[1:], starts + 1) - np.maximum(edges[:-1], starts)
    return slice(first, max(first, last)), (shared.clip(min=0) / scale).astype(np.float32)
