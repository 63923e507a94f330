"""Which labelled joints can be seen, as annotations tell it: MMPose packs only whether a joint is labelled."""

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ['graded_lists', 'visible_joints']

_LISTS = (
    ('keypoints_21',),  # HumanArt21, whose `keypoints` hold COCO's 17
    ('keypoints', 'foot_kpts', 'face_kpts', 'lefthand_kpts', 'righthand_kpts'),  # COCO-WholeBody, in MMPose's order
    ('keypoints',),
)
"""Lists of an annotation that together hold x, y and v of all joints."""
_VISIBLE = 2


def graded_lists(annotations: Iterable[Any], joints: int) -> frozenset[str]:
    """Find the lists of joints whose v tells hidden joints (1) from visible ones (2).

    Data of hands (OneHand10K, FreiHand, Panoptic) know 0 and 1 alone: there 1 means labelled, and says nothing of what
    can be seen. One person cannot tell, since all their joints may be hidden; so all people are asked, or as many as
    it takes until each list has shown a 2.

    Args:
        annotations: ``raw_ann_info`` of people; what is no mapping does not count.
        joints: K of the skeleton.

    Returns:
        Names of lists, as ``keypoints``.
    """
    graded: set[str] = set()
    for annotation in annotations:
        flags = _flags(annotation, joints)
        graded |= {name for name, flag in flags.items() if (flag >= _VISIBLE).any()}
        if flags and graded >= flags.keys():
            break
    return frozenset(graded)


def visible_joints(annotation: Any, labelled: NDArray[np.bool_], graded: Collection[str]) -> NDArray[np.bool_]:
    """Tell which joints of a person can be seen.

    Args:
        annotation: ``raw_ann_info`` of the person; where it does not hold these joints, all that are labelled count.
        labelled: (K,) bool.
        graded: Of :func:`graded_lists`; in other lists every labelled joint counts.

    Returns:
        (K,) bool.
    """
    flags = _flags(annotation, len(labelled))
    if not flags:
        return labelled
    return np.concatenate([flag >= (_VISIBLE if name in graded else 1) for name, flag in flags.items()]) & labelled


def _flags(annotation: Any, joints: int) -> dict[str, NDArray[np.float64]]:
    """By list its v, in the order of the joints; empty where the annotation holds other joints."""
    if not isinstance(annotation, dict):
        return {}
    for names in _LISTS:
        found = {name: annotation[name] for name in names if annotation.get(name) is not None}
        if sum(len(values) for values in found.values()) == 3 * joints:
            return {name: np.asarray(values[2::3], np.float64) for name, values in found.items()}
    return {}
