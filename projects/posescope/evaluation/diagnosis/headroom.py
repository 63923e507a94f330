"""AP that would be gained if one kind of error did not happen, alone and one after another."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.evaluation.average_precision import AveragePrecision
from posescope.evaluation.bootstrap import Progress
from posescope.evaluation.detections import Detections
from posescope.evaluation.diagnosis.background import curves_without_false_negatives, without_false_positives
from posescope.evaluation.diagnosis.corrections import CORRECTABLE, corrected_places, moved, moves
from posescope.evaluation.diagnosis.error_classes import ErrorClass, JointErrors
from posescope.evaluation.diagnosis.rematching import average_precision, rematch
from posescope.evaluation.diagnosis.scoring import best_similarities, optimal_scores
from posescope.evaluation.matching import LEAST_OKS, Matches, match
from posescope.evaluation.people import People

__all__ = ['DETECTION_ERRORS', 'Headroom', 'headroom', 'joint_headroom']

DETECTION_ERRORS = ('scoring', 'false_positives', 'false_negatives')
"""Kinds of error of whole detections, in the order in which they are corrected after those of joints."""


@dataclass(frozen=True)
class Headroom:
    """COCO's ten statistics by kind of error; -1 where one is not defined.

    Attributes:
        measured: As they are.
        alone: With this kind of error corrected and nothing else.
        sequence: With this kind and all those before it corrected.
        low: Matches of the detections as they are, at an OKS of .1.
        best: (D,) greatest OKS of each detection as it is.
        whom: (D,) index of the person with this OKS, or -1.
    """

    measured: dict[str, float]
    alone: dict[str, dict[str, float]]
    sequence: dict[str, dict[str, float]]
    low: Matches
    best: NDArray[np.float64]
    whom: NDArray[np.int64]


def headroom(
    people: People,
    detections: Detections,
    base: Matches,
    errors: JointErrors,
    sigmas: ArrayLike,
    *,
    legacy: bool = False,
    progress: Progress | None = None,
) -> Headroom:
    """Evaluate again with each kind of error corrected.

    Joints are corrected as :func:`posescope.evaluation.diagnosis.corrections.corrected_places` says. Then scores are
    made optimal, detections that are matched with nobody ignored, and people without a detection taken away. The order
    is that of Ronchi and Perona (ICCV 2017); what each step of it adds depends on those before.

    Args:
        people: G people.
        detections: D detections.
        base: Matches of the two at COCO's thresholds.
        errors: Classes of all joints.
        sigmas: (K,) spread of each joint relative to the root of the area.
        legacy: As the published code: places with σ for 2σ, softly suppressed scores, and false positives and negatives
            at each threshold anew, which makes the last AP of the sequence 1.
        progress: Wraps the loop over kinds of error of joints.
    """
    places = corrected_places(people, detections, errors, sigmas, legacy=legacy)
    alone, sequence = {}, {}
    kinds: list[ErrorClass] = []
    best, whom = best_similarities(people, detections, sigmas)
    low = match(people, detections, sigmas, thresholds=np.array([LEAST_OKS]))
    for kind in map(ErrorClass, (progress or iter)(CORRECTABLE)):
        if legacy and kind == ErrorClass.SIDE_AMBIGUOUS:
            continue
        kinds.append(kind)
        alone[kind.label] = _statistics(rematch(people, base, detections, moves(errors, places, [kind]), sigmas))
        matches = rematch(people, base, detections, moves(errors, places, kinds), sigmas)
        sequence[kind.label] = _statistics(matches)
    alone |= _detection_errors(people, detections, base, low, best, sigmas, legacy=legacy, in_sequence=False)
    corrected = moved(detections, moves(errors, places, kinds))
    best_corrected, _ = best_similarities(people, corrected, sigmas)
    sequence |= _detection_errors(
        people, corrected, matches, None, best_corrected, sigmas, legacy=legacy, in_sequence=True
    )
    return Headroom(_statistics(base), alone, sequence, low, best, whom)


def _detection_errors(
    people: People,
    detections: Detections,
    matches: Matches,
    low: Matches | None,
    best: NDArray[np.float64],
    sigmas: ArrayLike,
    *,
    legacy: bool,
    in_sequence: bool,
) -> dict[str, dict[str, float]]:
    """Correct scores, then false positives, then false negatives: each alone, or each after the ones before."""
    scores = optimal_scores(people, detections, best, sigmas, legacy=legacy)
    rescored = replace(detections, scores=scores)
    rematched = match(people, rescored, sigmas)
    found = {'scoring': _statistics(rematched)}
    if in_sequence:
        matches = rematched
        low = None if legacy else match(people, rescored, sigmas, thresholds=np.array([LEAST_OKS]))
    low = None if legacy else low
    positive = without_false_positives(matches, low)
    found['false_positives'] = _statistics(positive)
    found['false_negatives'] = curves_without_false_negatives(positive if in_sequence else matches, low).statistics()
    return found


def joint_headroom(
    people: People,
    detections: Detections,
    base: Matches,
    errors: JointErrors,
    sigmas: ArrayLike,
    *,
    legacy: bool = False,
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """AP gained by correcting one kind of error of one joint.

    Args:
        people: G people.
        detections: D detections.
        base: Matches of the two at COCO's thresholds.
        errors: Classes of all joints.
        sigmas: (K,) spread of each joint relative to the root of the area.
        legacy: See :func:`headroom`.
        progress: Wraps the loop over kinds of error and joints.

    Returns:
        (8, K) by :class:`ErrorClass` and joint; NaN for classes that moving a joint does not correct.
    """
    places = corrected_places(people, detections, errors, sigmas, legacy=legacy)
    gains = np.full((len(ErrorClass), errors.classes.shape[1]), np.nan)
    before = average_precision(base)
    cells = [(kind, joint) for kind in CORRECTABLE for joint in range(errors.classes.shape[1])]
    for cell in (progress or iter)(range(len(cells))):
        kind, joint = cells[cell]
        matches = rematch(people, base, detections, moves(errors, places, [kind], joint), sigmas)
        gains[kind, joint] = (before if matches is base else average_precision(matches)) - before
    return gains


def _statistics(matches: Matches) -> dict[str, float]:
    return AveragePrecision(matches).statistics()
