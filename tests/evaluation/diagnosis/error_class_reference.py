"""The classes of joints once more, in plain Python, joint by joint."""

import math

import numpy as np
from numpy.typing import NDArray

from posescope.evaluation.detections import Detections
from posescope.evaluation.people import People


def reference_classes(
    people: People, detections: Detections, matched: NDArray, sigmas: NDArray, flip: NDArray, legacy: bool
) -> list[list[str | None]]:
    """Name the class of every joint of every person; None where there is none."""
    return [
        [
            _class_of(people, detections, int(matched[one]), one, joint, sigmas, flip, legacy)
            for joint in range(len(flip))
        ]
        for one in range(len(people))
    ]


def _class_of(people, detections, detection, person, joint, sigmas, flip, legacy):
    if people.ignored[person] or people.keypoints[person, joint, 2] == 0:
        return None
    if detection < 0:
        return 'unmatched'
    place = detections.keypoints[detection, joint, :2]
    found = [('own', _ks(place, people, person, joint, joint, sigmas))]
    others = [other for other in range(len(people)) if other != person and people.image[other] == people.image[person]]
    found += [('other', _ks(place, people, other, joint, joint, sigmas)) for other in others]
    found.append(('mirror', _ks(place, people, person, flip[joint], joint, sigmas)))
    found += [('other', _ks(place, people, other, flip[joint], joint, sigmas)) for other in others]
    best = max(value for _, value in found)
    where = next(kind for kind, value in found if value == best)
    if best < 0.5:
        return 'miss'
    if where == 'own':
        if legacy and best == 0.85:
            return 'unclassified'
        return 'good' if best > 0.85 else 'jitter'
    if where == 'other':
        return 'swap'
    near = _ks(people.keypoints[person, flip[joint], :2], people, person, joint, joint, sigmas) >= 0.5
    return 'side_ambiguous' if near and not legacy else 'inversion'


def _ks(place: NDArray, people: People, person: int, label: int, joint: int, sigmas: NDArray) -> float:
    x, y, v = people.keypoints[person, label]
    if v == 0:
        return -1.0
    squared = (place[0] - x) ** 2 + (place[1] - y) ** 2
    return math.exp(-squared / (2 * people.areas[person] * (2 * sigmas[joint]) ** 2))


def names(classes: NDArray[np.int8], labels: list[str]) -> list[list[str | None]]:
    """Name numbers of classes."""
    return [[labels[one] if one >= 0 else None for one in row] for row in classes.tolist()]
