"""Detected people as arrays, checked against the people that they are going to be compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posescope.errors import InputError
from posescope.evaluation.people import PART_FIELDS, People, positions

__all__ = ['Detections', 'check_finite', 'detections_from_coco', 'span_areas']


@dataclass(frozen=True)
class Detections:
    """D detected people with K joints each, in the order of their file, which decides between equal scores.

    Attributes:
        image: (D,) index into :attr:`People.image_ids`.
        category: (D,) index into :attr:`People.category_ids`.
        keypoints: (D, K, 3) float64; x and y in image pixels, and the joint's score.
        scores: (D,) float64.
        areas: (D,) float64, pixels²; decides whether an unmatched detection belongs to an area range.
    """

    image: NDArray[np.int64]
    category: NDArray[np.int64]
    keypoints: NDArray[np.float64]
    scores: NDArray[np.float64]
    areas: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, chosen: Any) -> 'Detections':
        """Return some of the detections, chosen by indices, a mask or a slice."""
        return Detections(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def with_keypoints(self, places: NDArray[np.float64]) -> 'Detections':
        """Return the same detections with their joints at other places, (D, K, 2)."""
        return replace(self, keypoints=np.concatenate([places, self.keypoints[..., 2:]], axis=-1))


def detections_from_coco(
    results: Sequence[Mapping[str, Any]], people: People, iou_type: str = 'keypoints', *, strict: bool = True
) -> Detections:
    """Read decoded detections in COCO's result format.

    As in COCO's evaluation, detections whose joints all have a score of 0 or less are left out, and an area is that of
    the box if the first detection has one, otherwise that of the smallest box around the joints.

    Args:
        results: Objects with ``image_id``, ``category_id``, ``keypoints`` and ``score``, perhaps ``bbox``.
        people: Those to compare with.
        iou_type: Kind of evaluation, see :func:`people_from_coco`.
        strict: Refuse detections of a category that ``people`` do not have; otherwise they are left out, as COCO does.

    Raises:
        InputError: A detection is of an unknown image or category, lacks a field, has another number of joints than
            the people, or a number that is not finite. The message names the first offender and their number.
    """
    fields = PART_FIELDS.get(iou_type, ('keypoints',))
    with_boxes = bool(results) and bool(results[0].get('bbox'))
    for field in ('image_id', 'category_id', 'score', *fields, *(['bbox'] if with_boxes else [])):
        _refuse([field not in result for result in results], results, f'lacks {field}')
    image, unknown = positions([result['image_id'] for result in results], people.image_ids)
    _refuse(unknown, results, 'is on an image that the annotations do not list')
    category, other = positions([result['category_id'] for result in results], people.category_ids)
    if strict:
        _refuse(other, results, 'has a category that the annotations do not list')
    joints = people.keypoints.shape[1]
    parts = []
    for field in fields:
        width = joints * 3 if len(fields) == 1 and joints else len(results[0][field]) if results else joints * 3
        _refuse(
            [len(result[field]) != width for result in results],
            results,
            f'has other than {width // 3} joints ({width} numbers) in {field}',
        )
        rows: ArrayLike = [result[field] for result in results]
        parts.append(np.array(rows, np.float64).reshape(len(results), width // 3, 3))
    keypoints = np.concatenate(parts, axis=1)
    scores = np.array([result['score'] for result in results], np.float64)
    if with_boxes:
        _refuse([len(result['bbox']) < 4 for result in results], results, 'has a bbox of less than four numbers')
        boxes = np.array([result['bbox'][:4] for result in results], np.float64)
        areas = boxes[:, 2] * boxes[:, 3]
    else:
        areas = span_areas(parts[0] if len(fields) > 1 else keypoints)
    for name, values in (('joint', keypoints), ('score', scores), ('box', areas)):
        finite = np.isfinite(values).all(tuple(range(1, values.ndim)))
        _refuse(~finite, results, f'has a {name} that is not finite')
    kept = (keypoints[..., 2] > 0).any(1) & ~other
    return Detections(image, category, keypoints, scores, areas)[kept]


def span_areas(keypoints: NDArray[Any]) -> NDArray[Any]:
    """Area of the smallest upright box around joints, (D, K, ≥ 2) → (D,), in pixels²."""
    if not keypoints.size:
        return np.zeros(len(keypoints), keypoints.dtype)
    return np.ptp(keypoints[..., 0], axis=1) * np.ptp(keypoints[..., 1], axis=1)


def check_finite(keypoints: NDArray[Any], scores: NDArray[Any], image_ids: NDArray[Any]) -> None:
    """Raise :class:`InputError` if predictions are not finite.

    Args:
        keypoints: (D, K, ≥ 2), predicted joints.
        scores: (D,) or (D, K).
        image_ids: (D,) ids, for the message.
    """
    if np.isfinite(keypoints).all() and np.isfinite(scores).all():
        return
    finite = np.isfinite(keypoints).all((1, 2)) & np.isfinite(scores).reshape(len(scores), -1).all(1)
    wrong = np.flatnonzero(~finite)
    raise InputError(
        f'{len(wrong)} of {len(finite)} predictions have a joint or a score or a box that is not finite, '
        f'first on image {image_ids[int(wrong[0])]}'
    )


def _refuse(wrong: ArrayLike, results: Sequence[Mapping[str, Any]], problem: str) -> None:
    places = np.flatnonzero(np.asarray(wrong, bool))
    if len(places):
        first = int(places[0])
        more = f' ({len(places)} of {len(results)} detections are wrong)' if len(places) > 1 else ''
        raise InputError(f'detection {first} (image {results[first].get("image_id", "unknown")}) {problem}{more}')
