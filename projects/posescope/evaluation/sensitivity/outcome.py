"""What one test of a model found, so that two tests of the same people can be compared person by person."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posescope.errors import InputError
from posescope.evaluation.coco_metric import CocoKeypointMetric
from posescope.evaluation.diagnosis.error_classes import NO_CLASS, ErrorClass, classify
from posescope.evaluation.matching import LEAST_OKS, Matches, match
from posescope.evaluation.mean_oks import MeanOKS, Person
from posescope.evaluation.oks import ks
from posescope.evaluation.people import People

__all__ = ['ERROR_TYPES', 'Outcome', 'areas_of', 'outcome_of_boxes', 'outcome_of_detections', 'people_of_boxes']

ERROR_TYPES = tuple(kind.label for kind in ErrorClass if kind is not ErrorClass.UNCLASSIFIED)
"""Names of the classes into which joints are sorted."""


@dataclass(frozen=True)
class Outcome:
    """What a test found, on N labelled people with K joints.

    Attributes:
        statistics: COCO's ten numbers.
        matches: Who was matched with whom.
        keys: N pairs of image and annotation id, ascending.
        similarities: (N, K), KS of each joint; NaN where it is not labelled.
        errors: (G, K, E), whether a joint is of each of the :data:`ERROR_TYPES`, 0 or 1; NaN where it is not labelled.
            These are all G people of the annotations, matched with detections as COCO matches them.
        error_images: (G,), image of each of these people.
    """

    statistics: dict[str, float]
    matches: Matches
    keys: list[tuple[Any, Any]]
    similarities: NDArray[np.float64]
    errors: NDArray[np.float64]
    error_images: NDArray[Any]

    @property
    def images(self) -> NDArray[Any]:
        """(N,), image of each person."""
        return np.array([image for image, _ in self.keys])

    @property
    def oks(self) -> NDArray[np.float64]:
        """(N,), mean KS of each person's labelled joints."""
        return np.nanmean(self.similarities, axis=1)


def areas_of(people: People) -> dict[tuple[Any, Any], float]:
    """(image id, annotation id) -> area in pixels², as COCO's evaluation takes it."""
    return dict(zip(_keys(people, np.arange(len(people))), people.areas.tolist(), strict=True))


def people_of_boxes(coco: CocoKeypointMetric, mean: MeanOKS) -> list[Person]:
    """List labelled people and the predictions from their own boxes, in ascending order of their keys.

    Whom COCO's evaluation does not know is left out, and areas are its own: ``use_area=False`` measures people by their
    boxes.

    Args:
        coco: The metric after a test on annotated boxes.
        mean: The metric after the same test, which knows whose box a prediction was made from.

    Raises:
        InputError: There is nobody.
    """
    areas = areas_of(coco.people)
    keyed = {(person.image_id, person.annotation_id): person for person in mean.people}
    people = [replace(keyed[key], area=areas[key]) for key in sorted(keyed) if key in areas]
    if not people:
        raise InputError('nobody in the data has an annotated box and labelled joints')
    return people


def outcome_of_boxes(coco: CocoKeypointMetric, people: Sequence[Person], matched: Outcome) -> Outcome:
    """Take down a test on annotated boxes, where each person is compared with the prediction from the own box.

    Args:
        coco: The metric after the test.
        people: Those of :func:`people_of_boxes`.
        matched: What :func:`outcome_of_detections` took down of the test.
    """
    similarities = ks(
        np.stack([person.keypoints for person in people]),
        np.stack([person.truth for person in people]),
        np.array([person.area for person in people]),
        coco.dataset_meta['sigmas'],
    )
    keys = [(person.image_id, person.annotation_id) for person in people]
    return replace(matched, keys=keys, similarities=similarities)


def outcome_of_detections(coco: CocoKeypointMetric, statistics: dict[str, float]) -> Outcome:
    """Take down a test on any boxes: each person is compared with the detection that COCO matches at OKS .1.

    Joints of people who were not found have a similarity of 0.

    Args:
        coco: The metric after the test.
        statistics: What it computed.
    """
    people, sigmas = coco.people, np.asarray(coco.dataset_meta['sigmas'])
    found = match(people, coco.detections, sigmas, thresholds=np.array([LEAST_OKS]))
    detection_of = np.full(len(people), -1)
    person = found.person[:, 0, 0]
    detection_of[person[person >= 0]] = found.detection[person >= 0]
    counted = np.flatnonzero(~people.ignored)
    similarities = np.where(people.labelled[counted], 0.0, np.nan)
    hit = detection_of[counted] >= 0
    joints = coco.detections.keypoints[detection_of[counted[hit]]]
    similarities[hit] = ks(joints, people.keypoints[counted[hit]], people.areas[counted[hit]], sigmas)
    keys = _keys(people, counted)
    order = sorted(range(len(keys)), key=keys.__getitem__)
    ascending = [keys[index] for index in order]
    return Outcome(statistics, coco.matches, ascending, similarities[order], *_errors(coco))


def _keys(people: People, chosen: NDArray[np.int64]) -> list[tuple[Any, Any]]:
    images = people.image_ids[people.image[chosen]].tolist()
    return list(zip(images, people.ids[chosen].tolist(), strict=True))


def _errors(coco: CocoKeypointMetric) -> tuple[NDArray[np.float64], NDArray[Any]]:
    people, meta = coco.people, coco.dataset_meta
    classes = classify(people, coco.detections, meta['sigmas'], meta['flip_indices']).classes[..., None]
    kinds = np.array([kind for kind in ErrorClass if kind.label in ERROR_TYPES])
    errors = np.where(classes == NO_CLASS, np.nan, classes == kinds)
    return errors, people.image_ids[people.image]
