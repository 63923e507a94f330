"""What a sample on its way through a pipeline says of its joints."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posescope.errors import InputError

__all__ = ['area_of', 'joint_names_of', 'labelled_joints', 'links_of', 'sample_generator']


def labelled_joints(results: Mapping[str, Any], key: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return joints (K, 2), pixels, and which are labelled (K,), of a sample of one person.

    Args:
        results: The sample.
        key: ``'keypoints'`` for pixels of the picture, ``'transformed_keypoints'`` for those of the input.

    Raises:
        InputError: The sample holds several people.
    """
    joints, visible = np.asarray(results[key]), np.asarray(results['keypoints_visible'])
    if len(joints) != 1:
        raise InputError(f'this transform is for one person a sample, not {len(joints)}: data_mode has to be topdown')
    # After some transforms of MMPose the second of two columns holds weights.
    visible = visible[..., 0] if visible.ndim == 3 else visible
    return joints[0, :, :2].astype(np.float64), visible[0] > 0


def area_of(results: Mapping[str, Any]) -> float:
    """Area of the person in pixels² of the picture; COCO's estimate from the box where none above 0 is labelled."""
    area = float(np.asarray(results.get('area'), np.float64).reshape(-1)[0])  # None becomes NaN
    if 0 < area < np.inf:
        return area
    left, top, right, bottom = np.asarray(results['bbox'], np.float64).reshape(-1, 4)[0]
    return 0.53 * (right - left) * (bottom - top)


def joint_names_of(results: Mapping[str, Any]) -> list[str] | None:
    """Names of the joints, in their order; None if the sample does not know its data set."""
    metainfo = getattr(results.get('dataset'), 'metainfo', None)
    if not metainfo or 'keypoint_id2name' not in metainfo:
        return None
    return [metainfo['keypoint_id2name'][joint] for joint in range(metainfo['num_keypoints'])]


def links_of(results: Mapping[str, Any]) -> Sequence[Sequence[int]]:
    """Pairs of joints between which the skeleton has a bone.

    Those of the data set that the pipeline belongs to: in MMPose's ``CombinedDataset`` with converted joints, a sample
    still carries those of the data set that it came from.
    """
    metainfo = getattr(results.get('dataset'), 'metainfo', None) or {}
    links: Sequence[Sequence[int]] = metainfo.get('skeleton_links', results.get('skeleton_links', ()))
    return links


def sample_generator() -> np.random.Generator:
    """Draw a generator from NumPy's global one, which is seeded for every sample, as MMPose's transforms use it."""
    return np.random.default_rng(np.random.randint(2**31, size=4))  # noqa: NPY002
