"""The whole diagnosis of one set of detections, as numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.errors import InputError
from posescope.evaluation.bootstrap import Progress
from posescope.evaluation.detections import Detections
from posescope.evaluation.diagnosis.background import FalseDetections, count_false
from posescope.evaluation.diagnosis.error_classes import ErrorClass, JointErrors, classify
from posescope.evaluation.diagnosis.headroom import Headroom, headroom, joint_headroom
from posescope.evaluation.diagnosis.modes import count_modes, modes
from posescope.evaluation.diagnosis.populations import populations
from posescope.evaluation.diagnosis.scoring import ScoringErrors, scoring_errors
from posescope.evaluation.diagnosis.shares import Share, share
from posescope.evaluation.diagnosis.slices import SliceCell, compare_joints, compare_slices, image_counts
from posescope.evaluation.matching import Matches, match
from posescope.evaluation.people import People

__all__ = ['Diagnosis', 'diagnose']


@dataclass(frozen=True)
class Diagnosis:
    """What costs AP.

    Attributes:
        joints: K names.
        images: Number of images.
        detections: Number of detections.
        legacy: Whether the conventions are those of the published code.
        errors: Classes of all joints.
        shares: By class, its share of all labelled joints.
        headroom: COCO's statistics with one kind of error corrected, alone and in sequence.
        joint_gains: (8, K) AP gained by correcting one class of one joint, NaN where moving a joint does not; None if
            it was not asked for.
        scoring: How often scores prefer the worse detection.
        false: Detections of nobody and people without a detection.
        slices: Errors among some people compared with the rest.
        joint_cells: For each joint, its share of each class that occurs, compared with all other joints'.
        modes: By class, under which peak of the model's scores the label is; None without scores.
    """

    joints: Sequence[str]
    images: int
    detections: int
    legacy: bool
    errors: JointErrors
    shares: Mapping[ErrorClass, Share]
    headroom: Headroom
    joint_gains: NDArray[np.float64] | None
    scoring: ScoringErrors
    false: FalseDetections
    slices: Sequence[SliceCell]
    joint_cells: Sequence[Sequence[SliceCell]]
    modes: Mapping[str, Mapping[str, int]] | None

    def gain(self, kind: str, statistic: str = 'AP') -> float:
        """AP (or another of COCO's statistics) gained by correcting one kind of error alone; NaN if not defined."""
        return _gap(self.headroom.measured[statistic], self.headroom.alone[kind][statistic])

    def sequence_gains(self, statistic: str = 'AP') -> dict[str, float]:
        """What each step adds when kinds of error are corrected one after another."""
        values = [self.headroom.measured[statistic], *(step[statistic] for step in self.headroom.sequence.values())]
        gaps = map(_gap, values[:-1], values[1:])
        return dict(zip(self.headroom.sequence, gaps, strict=True))

    def scalars(self) -> dict[str, float]:
        """Share of every class and AP gained by correcting every kind of error alone, by name."""
        shares = {f'share/{one.label}': part.value for one, part in self.shares.items()}
        return shares | {f'headroom/{kind}': self.gain(kind) for kind in self.headroom.alone}


def diagnose(
    content: Mapping[str, Any],
    people: People,
    detections: Detections,
    sigmas: ArrayLike,
    flip_indices: ArrayLike,
    joints: Sequence[str],
    *,
    legacy: bool = False,
    by_joint: bool = True,
    matches: Matches | None = None,
    peaks: NDArray[np.floating] | None = None,
    progress: Progress | None = None,
) -> Diagnosis:
    """Find out what costs AP.

    Args:
        content: The decoded COCO-format annotations.
        people: The G people of ``content``.
        detections: D detections.
        sigmas: (K,) spread of each joint relative to the root of the area.
        flip_indices: (K,) index of each joint's counterpart on the other side.
        joints: K names.
        legacy: Follow the published code where it differs, see the functions that take it.
        by_joint: Also evaluate with each kind of error of each joint corrected, half of the time that all takes.
        matches: Of people and detections at COCO's thresholds, if they are at hand.
        peaks: (D, K, 3, 2) best places of the model's scores, image pixels, NaN where missing.
        progress: Wraps the loops over evaluations with something corrected, which take most of the time.

    Raises:
        InputError: Numbers of joints differ.
    """
    _check_joints(people, detections, sigmas, flip_indices, joints)
    if not len(people):  # then nobody told the number of joints
        people = replace(people, keypoints=np.zeros((0, len(joints), 3)))
    base = match(people, detections, sigmas) if matches is None else matches
    errors = classify(people, detections, sigmas, flip_indices, legacy=legacy)
    given = people, detections, base, errors, sigmas
    room = headroom(*given, legacy=legacy, progress=progress)
    gains = joint_headroom(*given, legacy=legacy, progress=progress) if by_joint else None
    counts = image_counts(errors, people)
    found = None
    if peaks is not None:
        of_people = np.full((*people.keypoints.shape[:2], *peaks.shape[2:]), np.nan)
        matched = errors.detection >= 0
        of_people[matched] = peaks[errors.detection[matched]]
        found = count_modes(errors, modes(people, errors, of_people, sigmas))
    return Diagnosis(
        tuple(joints),
        len(people.image_ids),
        len(detections),
        legacy,
        errors,
        {one: share(counts[one], counts.sum(0)) for one in ErrorClass},
        room,
        gains,
        scoring_errors(detections, room.best, room.whom),
        count_false(room.low, room.best),
        compare_slices(errors, people, populations(content, people)),
        compare_joints(errors, people, joints),
        found,
    )


def _check_joints(
    people: People, detections: Detections, sigmas: ArrayLike, flip_indices: ArrayLike, joints: Sequence[str]
) -> None:
    counts = {'sigmas': len(np.asarray(sigmas)), 'flip indices': len(np.asarray(flip_indices)), 'names': len(joints)}
    if len(people):
        counts['labelled joints'] = people.keypoints.shape[1]
    if len(detections):
        counts['detected joints'] = detections.keypoints.shape[1]
    if len(set(counts.values())) > 1:
        raise InputError(f'numbers of joints differ: {", ".join(f"{count} {what}" for what, count in counts.items())}')


def _gap(before: float, after: float) -> float:
    """Difference of two of COCO's statistics, in which -1 stands for undefined."""
    return float('nan') if before == -1 or after == -1 else after - before
