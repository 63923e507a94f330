"""Matches after some detections changed, without matching again where nothing did."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.evaluation.average_precision import AveragePrecision
from posescope.evaluation.detections import Detections
from posescope.evaluation.diagnosis.corrections import Moves, moved
from posescope.evaluation.matching import Matches, match
from posescope.evaluation.people import People

__all__ = ['average_precision', 'rematch']


def rematch(people: People, base: Matches, detections: Detections, to: Moves, sigmas: ArrayLike) -> Matches:
    """Match again on the images on which a joint moved.

    Args:
        people: G people.
        base: Their matches with the detections before joints moved.
        detections: D detections before joints moved.
        to: What moves.
        sigmas: (K,) spread of each joint relative to the root of the area.

    Returns:
        The same as ``match(people, moved(detections, to), sigmas)``.
    """
    touched = np.zeros(len(people.image_ids), bool)
    touched[detections.image[to.detection]] = True
    if not touched.any():
        return base
    members = np.flatnonzero(touched[people.image])
    chosen = np.flatnonzero(touched[detections.image])
    here = to._replace(detection=np.searchsorted(chosen, to.detection))
    some = match(_subset(people, members), moved(detections[chosen], here), sigmas, thresholds=base.thresholds)
    rows = touched[base.image]
    person, ignored = base.person.copy(), base.ignored.copy()
    person[rows] = np.where(some.person < 0, -1, members[some.person])
    ignored[rows] = some.ignored
    return replace(base, person=person, ignored=ignored)


def average_precision(matches: Matches) -> float:
    """COCO's AP over people of all sizes; NaN where there is nobody to find.

    The two other area ranges, which take two thirds of the time, are left out.
    """
    everyone = replace(
        matches,
        person=matches.person[:, :1],
        ignored=matches.ignored[:, :1],
        person_counted=matches.person_counted[:, :1],
    )
    precision = AveragePrecision(everyone)().precision
    defined = precision[precision > -1]
    return float(defined.mean()) if defined.size else float('nan')


def _subset(people: People, members: NDArray[np.int64]) -> People:
    """Some of the people, on the same images."""
    rows: dict[str, Any] = {
        field.name: getattr(people, field.name)[members]
        for field in fields(people)
        if field.name not in ('image_ids', 'category_ids')
    }
    return replace(people, **rows)
