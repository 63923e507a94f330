"""What is wrong with each joint: jitter, inversion, swap, miss, or a person whom no detection was matched with.

The classes are those of Ronchi and Perona, "Benchmarking and Error Diagnosis in Multi-Instance Pose Estimation",
ICCV 2017, with what their published code leaves open made definite: see :func:`classify`.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.evaluation.detections import Detections
from posescope.evaluation.matching import LEAST_OKS, match
from posescope.evaluation.neighbours import pairs_on_image
from posescope.evaluation.oks import ks
from posescope.evaluation.people import People

__all__ = [
    'GOOD_KS',
    'LEAST_KS',
    'NO_CLASS',
    'ErrorClass',
    'JointErrors',
    'classify',
    'matched_detections',
]

GOOD_KS = 0.85
"""A joint with a greater similarity to its label is good."""
LEAST_KS = 0.5
"""Least similarity at which a joint is at a place."""
NO_CLASS = -1
"""In place of a class: the joint is not labelled, or the person does not count."""
_BLOCK = 2048


class ErrorClass(IntEnum):
    """What a predicted joint is nearest to, each distance in terms of the person whose joint it is."""

    GOOD = 0
    """Its label, with a similarity above .85."""
    JITTER = 1
    """Its label, with a similarity from .5 to .85."""
    INVERSION = 2
    """The same person's joint of the other side."""
    SIDE_AMBIGUOUS = 3
    """As an inversion, but the labels of both sides are so near that the sides cannot be told apart."""
    SWAP = 4
    """A joint, of either side, of another person."""
    MISS = 5
    """Nothing: all similarities are below .5."""
    UNMATCHED = 6
    """The person has no detection."""
    UNCLASSIFIED = 7
    """A similarity of exactly .85, which the published code puts into no class; empty unless ``legacy``."""

    @property
    def label(self) -> str:
        """Name in files and tables."""
        return self.name.lower()


@dataclass(frozen=True)
class JointErrors:
    """Classes of the K joints of G people.

    Attributes:
        classes: (G, K) int8, an :class:`ErrorClass` or :data:`NO_CLASS`.
        similarities: (G, K) float64, greatest KS of the predicted joint with any label; NaN if the person is unmatched
            or the joint is not labelled.
        side_ambiguous: (G, K), whether a joint's label and that of the other side have a KS of at least .5 with each
            other.
        detection: (G,) index of the detection matched with each person, or -1.
    """

    classes: NDArray[np.int8]
    similarities: NDArray[np.float64]
    side_ambiguous: NDArray[np.bool_]
    detection: NDArray[np.int64]

    def counts(self, chosen: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """Count joints by class and joint, (8, K); ``chosen`` is (G, K), None for all."""
        members = self.classes != NO_CLASS if chosen is None else chosen & (self.classes != NO_CLASS)
        return np.array([((self.classes == one) & members).sum(0) for one in ErrorClass])


def matched_detections(
    people: People, detections: Detections, sigmas: ArrayLike, least: float = LEAST_OKS
) -> NDArray[np.int64]:
    """Find the detection that COCO's rules match with each person at a low OKS.

    Returns:
        (G,) indices of detections; -1 for people who are not matched or do not count.
    """
    matches = match(people, detections, sigmas, thresholds=np.array([least]))
    person = matches.person[:, 0, 0]
    right = (person >= 0) & ~matches.ignored[:, 0, 0]
    found = np.full(len(people), -1, np.int64)
    found[person[right]] = matches.detection[right]
    return found


def classify(
    people: People, detections: Detections, sigmas: ArrayLike, flip_indices: ArrayLike, *, legacy: bool = False
) -> JointErrors:
    """Sort every labelled joint of the people who count into a class, so that the classes sum to all labelled joints.

    A predicted joint is compared with the same joint and the joint of the other side of everybody on the image, each
    distance measured by the area of the person whose label it is; the greatest similarity decides, and between equal
    ones the own label, then others', then the own other side.

    Args:
        people: G people.
        detections: D detections.
        sigmas: (K,) spread of each joint relative to the root of the area.
        flip_indices: (K,) index of each joint's counterpart on the other side, its own where it has none.
        legacy: Do as the published code: a similarity of exactly .85 is in no class, and there are no side-ambiguous
            joints.
    """
    flip = np.asarray(flip_indices)
    detection = matched_detections(people, detections, sigmas)
    shape = people.keypoints.shape[:2]
    classes = np.full(shape, ErrorClass.UNMATCHED, np.int8)
    similarities = np.full(shape, np.nan)
    ambiguous = np.zeros(shape, bool) if legacy else _side_ambiguous(people, sigmas, flip)
    matched = np.flatnonzero(detection >= 0)
    for start in range(0, len(matched), _BLOCK):
        block = matched[start : start + _BLOCK]
        places = detections.keypoints[detection[block], :, :2]
        candidates = _similarities(people, block, places, sigmas, flip)
        similarities[block] = candidates.max(0)
        classes[block] = _decide(candidates, ambiguous[block], legacy)
    unlabelled = ~people.labelled | people.ignored[:, None]
    classes[unlabelled] = NO_CLASS
    similarities[unlabelled] = np.nan
    return JointErrors(classes, similarities, ambiguous & ~unlabelled, detection)


def _side_ambiguous(people: People, sigmas: ArrayLike, flip: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(G, K), whether the labels of both sides are within a KS of .5 of each other, either way."""
    mirrored = people.keypoints[:, flip]
    similar = ks(mirrored, people.keypoints, people.areas, sigmas)
    similar[mirrored[..., 2] <= 0] = 0
    similar[:, flip == np.arange(len(flip))] = 0
    return np.minimum(similar, similar[:, flip]) >= LEAST_KS


def _similarities(
    people: People, block: NDArray[np.int64], places: NDArray[np.float64], sigmas: ArrayLike, flip: NDArray[np.int64]
) -> NDArray[np.float64]:
    """KS of predicted joints with each kind of label; -1 where there is none.

    Args:
        people: G people.
        block: (n,) indices of people.
        places: (n, K, 2) joints that were predicted for them.
        sigmas: (K,)
        flip: (K,)

    Returns:
        (4, n, K): the own label, the nearest of other people's, the own of the other side, others' of the other side.
    """
    found = np.full((4, *places.shape[:2]), -1.0)
    own = people.keypoints[block]
    found[0] = ks(places, own, people.areas[block], sigmas)
    found[2] = ks(places, own[:, flip], people.areas[block], sigmas)
    which, other = pairs_on_image(people.image[block], people.category[block], people)
    real = (other != block[which]) & people.labelled[other].any(1)
    which, other = which[real], other[real]
    if len(which):
        first = np.flatnonzero(np.diff(which, prepend=-1))
        for row, truths in ((1, people.keypoints[other]), (3, people.keypoints[other][:, flip])):
            similar = np.nan_to_num(ks(places[which], truths, people.areas[other], sigmas), nan=-1.0)
            found[row, which[first]] = np.maximum.reduceat(similar, first, axis=0)
    return np.nan_to_num(found, nan=-1.0)


def _decide(candidates: NDArray[np.float64], ambiguous: NDArray[np.bool_], legacy: bool) -> NDArray[np.int8]:
    """(4, n, K) similarities of :func:`_similarities` → (n, K) classes."""
    nearest, best = candidates.argmax(0), candidates.max(0)
    inverted = np.where(ambiguous, ErrorClass.SIDE_AMBIGUOUS, ErrorClass.INVERSION)
    at_own = np.where(best > GOOD_KS, ErrorClass.GOOD, ErrorClass.JITTER)
    if legacy:
        at_own[best == GOOD_KS] = ErrorClass.UNCLASSIFIED
    classes = np.choose(nearest, [at_own, np.int64(ErrorClass.SWAP), inverted, np.int64(ErrorClass.SWAP)])
    return np.where(best < LEAST_KS, ErrorClass.MISS, classes).astype(np.int8)
