"""Object keypoint similarity, and where annotations keep their joints."""

from collections.abc import Sequence

import numpy as np

_PARTS = {part: f'{part}_kpts' for part in ('foot', 'face', 'lefthand', 'righthand')}
KEYPOINT_FIELDS = {
    **{f'keypoints_{part}': (field,) for part, field in _PARTS.items()},
    'keypoints_wholebody': ('keypoints', *_PARTS.values()),
}
"""Kind of evaluation -> fields that hold the joints, in the order of the sigmas; ``keypoints`` alone for any other."""

SCORE_FIELDS = {kind: f'{kind.removeprefix("keypoints_")}_score' for kind in KEYPOINT_FIELDS}
"""Kind of evaluation -> field that ranks detections; ``score`` for any other."""

# nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles
COCO_SIGMAS = np.repeat([0.026, 0.025, 0.035, 0.079, 0.072, 0.062, 0.107, 0.087, 0.089], [1, 2, 2, 2, 2, 2, 2, 2, 2])

BOX_TO_BODY = 0.53
"""Share of a person's box that the person covers, for data without areas."""


def joints(annotation: dict, kind: str) -> np.ndarray:
    """Joints of a person or detection.

    Args:
        annotation: An annotation or a result.
        kind: ``iouType`` of the evaluation.

    Returns:
        (K, 3) x, y in pixels, and visibility or score.
    """
    fields = KEYPOINT_FIELDS.get(kind, ('keypoints',))
    return np.concatenate([np.reshape(annotation[field], (-1, 3)) for field in fields])


def body_area(box: Sequence[float]) -> float:
    """Estimate the area of a person, in pixels², from the box x, y, width, height."""
    return box[2] * box[3] * BOX_TO_BODY


def oks(found: np.ndarray, person: np.ndarray, box: Sequence[float], area: float, sigmas: np.ndarray) -> np.ndarray:
    """OKS of detections with one person.

    Joints of a person without labels (a crowd region) are measured by how far they lie outside the box, doubled.

    Args:
        found: Detected joints, (D, K, 2), pixels.
        person: (K, 3) x, y in pixels and visibility; a joint counts if that is positive.
        box: x, y, width, height of the person, pixels.
        area: Of the person, pixels².
        sigmas: (K,) spread of each joint relative to the square root of the area.

    Returns:
        (D,) mean over labelled joints of exp(-d² / (2 · area · (2σ)²)); https://cocodataset.org/#keypoints-eval
    """
    labelled = person[:, 2] > 0
    if labelled.any():
        offset = found - person[:, :2]
    else:
        labelled = np.ones_like(labelled)
        corner, size = np.array(box[:2]), np.array(box[2:])
        offset = np.maximum(0, (corner - size) - found) + np.maximum(0, found - (corner + size * 2))
    variances = (sigmas * 2) ** 2
    distances = (offset[..., 0] ** 2 + offset[..., 1] ** 2) / variances / (area + np.spacing(1)) / 2
    # The copy makes each row contiguous: numpy then adds in the order in which it adds a single row.
    similarity = np.exp(-np.ascontiguousarray(distances[:, labelled]))
    return similarity.sum(axis=1) / similarity.shape[1]
