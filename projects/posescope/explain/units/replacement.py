"""What replaces a channel, and what is lost by that."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.errors import InputError
from posescope.explain.units.channel_maps import ChannelMoments

__all__ = ['energy_taken', 'mean_of_others']


def mean_of_others(moments: ChannelMoments, images: ArrayLike) -> NDArray[np.float64]:
    """Mean of each channel over everyone who is on another image.

    Args:
        moments: Of N people.
        images: (N,) which people belong together.

    Returns:
        (N, C).

    Raises:
        InputError: All are on one image.
    """
    _, image = np.unique(np.asarray(images), return_inverse=True)
    count = np.bincount(image)
    if len(count) < 2:
        raise InputError(
            'a channel is replaced by its mean over people on other images, and all are on one: give others, crops of '
            'other people'
        )
    totals = np.zeros((len(count), moments.mean.shape[1]))
    np.add.at(totals, image, moments.mean)
    left: NDArray[np.float64] = (totals.sum(0) - totals[image]) / (len(image) - count[image])[:, None]
    return left


def energy_taken(moments: ChannelMoments, means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over people and cells of a channel's squared distance from what replaces it, (C,).

    Args:
        moments: Of N people.
        means: (N, C) what replaces it.
    """
    taken: NDArray[np.float64] = (moments.square - 2 * means * moments.mean + means**2).mean(0)
    return np.maximum(taken, 0.0)
