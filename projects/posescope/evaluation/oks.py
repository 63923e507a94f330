"""Object keypoint similarity, per joint and per person."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.errors import InputError

__all__ = ['ks', 'oks', 'require_sigmas']


def ks(keypoints: ArrayLike, truths: ArrayLike, areas: ArrayLike, sigmas: ArrayLike) -> NDArray[np.float64]:
    """Similarity of each joint to its label: ``exp(-d² / (2 · area · (2σ)²))``.

    The formula is that of the COCO evaluation (https://cocodataset.org/#keypoints-eval, where k = 2σ). Leading
    dimensions broadcast, so predictions (D, 1, K, 2) and people (1, G, K, 3) give all pairs.

    Args:
        keypoints: (..., K, 2), predicted x and y in pixels.
        truths: (..., K, 3), labelled x and y in the same pixels, and visibility v; a joint is labelled if v > 0.
        areas: (...), area of the labelled person in pixels².
        sigmas: (K,), the joints' spread relative to the root of the area.

    Returns:
        (..., K), in [0, 1]; NaN where a joint is not labelled.
    """
    keypoints, truths = np.asarray(keypoints, np.float64), np.asarray(truths, np.float64)
    squared_distance = ((keypoints[..., :2] - truths[..., :2]) ** 2).sum(-1)
    spread = np.asarray(areas, np.float64)[..., None] * (2 * np.asarray(sigmas, np.float64)) ** 2
    with np.errstate(divide='ignore', invalid='ignore'):
        exponent = squared_distance / (2 * spread)
    # An area of 0 leaves a similarity of 1 for an exact hit and 0 for anything else, as the limit does.
    exponent = np.where(squared_distance == 0, 0, exponent)
    return np.where(truths[..., 2] > 0, np.exp(-exponent), np.nan)


def oks(keypoints: ArrayLike, truths: ArrayLike, areas: ArrayLike, sigmas: ArrayLike) -> NDArray[np.float64]:
    """Similarity of each person to their labels: the mean of :func:`ks` over the labelled joints.

    Args:
        keypoints: (..., K, 2), predicted x and y in pixels.
        truths: (..., K, 3), labelled x and y in the same pixels, and visibility v; a joint is labelled if v > 0.
        areas: (...), area of the labelled person in pixels².
        sigmas: (K,), the joints' spread relative to the root of the area.

    Returns:
        (...), in [0, 1]; NaN for a person without labelled joints. COCO's evaluation compares such a person's box
        instead, which is a matter of matching and not of joints.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', 'Mean of empty slice', RuntimeWarning)
        return np.nanmean(ks(keypoints, truths, areas, sigmas), axis=-1)


def require_sigmas(
    meta: Mapping[str, Any], remedy: str = 'set metainfo=dict(from_file=…) of the data set to a file with sigmas'
) -> None:
    """Raise :class:`InputError` unless metainfo has a sigma for each joint, as 25 of MMPose's files have not.

    Args:
        meta: Parsed metainfo: ``sigmas``, ``num_keypoints`` (as many as sigmas if it says nothing) and perhaps
            ``dataset_name``.
        remedy: What the message tells to do.
    """
    sigmas = meta.get('sigmas')
    number = 0 if sigmas is None else len(sigmas)
    joints = int(meta.get('num_keypoints', number))
    if not number or number != joints:
        where = f' of {meta["dataset_name"]}' if meta.get('dataset_name') else ''
        raise InputError(
            f'{number} sigmas for {joints or "all"} joints in the metainfo{where}: OKS needs one each; {remedy}'
        )
