"""Did the model see the right place and choose another, or did it never see it?"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.evaluation.diagnosis.error_classes import LEAST_KS, ErrorClass, JointErrors
from posescope.evaluation.oks import ks
from posescope.evaluation.people import People

__all__ = ['EXPLAINED', 'NO_PEAKS', 'UNSEEN', 'count_modes', 'modes']

EXPLAINED = (ErrorClass.INVERSION, ErrorClass.SIDE_AMBIGUOUS, ErrorClass.SWAP, ErrorClass.MISS)
"""Classes of which the question is asked."""
UNSEEN = 0
"""The label is under none of the best peaks."""
NO_PEAKS = -1
"""The question does not arise, or there are no scores to answer it."""


def modes(people: People, errors: JointErrors, peaks: NDArray[np.floating], sigmas: ArrayLike) -> NDArray[np.int8]:
    """Find the peak of a model's scores under which the label of each wrong joint is.

    A label is under a peak if the peak has a KS of at least .5 with it.

    Args:
        people: G people.
        errors: Their classes.
        peaks: (G, K, P, 2), best first, of the detection matched with each person, image pixels; NaN where missing.
        sigmas: (K,) spread of each joint relative to the root of the area.

    Returns:
        (G, K): 1 for the best peak (decoding lost it), 2 and 3 for the next ones (the model chose wrong),
        :data:`UNSEEN`, or :data:`NO_PEAKS`.
    """
    under = np.stack(
        [
            np.nan_to_num(ks(peaks[:, :, rank], people.keypoints, people.areas, sigmas)) >= LEAST_KS
            for rank in range(peaks.shape[2])
        ]
    )
    rank = np.where(under.any(0), under.argmax(0) + 1, UNSEEN)
    asked = np.isin(errors.classes, EXPLAINED) & np.isfinite(peaks).all(-1).any(-1)
    return np.where(asked, rank, NO_PEAKS).astype(np.int8)


def count_modes(errors: JointErrors, found: NDArray[np.int8]) -> dict[str, dict[str, int]]:
    """Count by class how often the label is under which peak.

    Args:
        errors: Classes of all joints.
        found: (G, K) of :func:`modes`.
    """
    names = {1: 'first', 2: 'second', 3: 'third', UNSEEN: 'none', NO_PEAKS: 'without_scores'}
    return {
        one.label: {name: int(((errors.classes == one) & (found == rank)).sum()) for rank, name in names.items()}
        for one in EXPLAINED
    }
