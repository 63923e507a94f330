"""Labelled people of a COCO-format data set as arrays, in the way that COCO's evaluation reads them."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.logging import print_log
from numpy.typing import ArrayLike, NDArray

from posescope.errors import InputError

__all__ = ['BOX_TO_BODY', 'PART_FIELDS', 'People', 'people_from_coco', 'positions']

BOX_TO_BODY = 0.53
"""Share of a box that a person covers on average, for data without areas."""
_PARTS = ('foot', 'face', 'lefthand', 'righthand')
PART_FIELDS = {
    **{f'keypoints_{part}': (f'{part}_kpts',) for part in _PARTS},
    'keypoints_wholebody': ('keypoints', *(f'{part}_kpts' for part in _PARTS)),
}
"""Kind of evaluation (``iou_type``) -> fields that hold its joints; any other kind has ``keypoints`` alone."""


@dataclass(frozen=True)
class People:
    """G labelled people with K joints each, on I images, in the order of their file.

    Attributes:
        image_ids: (I,) ids of all images in ascending order, of those without people too.
        category_ids: (C,) ids of all categories in ascending order.
        ids: (G,) annotation ids.
        image: (G,) index into ``image_ids``.
        category: (G,) index into ``category_ids``.
        keypoints: (G, K, 3) float64; x and y in image pixels, and v, where a joint with v > 0 is labelled.
        boxes: (G, 4) float64; x, y, width, height in image pixels.
        areas: (G,) float64, pixels².
        crowd: (G,) whether an annotation stands for several people, and may be matched several times.
        ignored: (G,) whether a match with this person counts neither for nor against a detection.
    """

    image_ids: NDArray[Any]
    category_ids: NDArray[Any]
    ids: NDArray[Any]
    image: NDArray[np.int64]
    category: NDArray[np.int64]
    keypoints: NDArray[np.float64]
    boxes: NDArray[np.float64]
    areas: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    ignored: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(G, K), whether a joint is labelled."""
        return self.keypoints[..., 2] > 0


def people_from_coco(
    content: Mapping[str, Any], iou_type: str = 'keypoints', *, use_area: bool = True, joints: int = 0
) -> People:
    """Read the people of decoded COCO-format annotations.

    A person counts if a joint has v > 0, whatever ``num_keypoints`` says; for ``keypoints_crowd`` alone (CrowdPose)
    ``num_keypoints`` decides.

    Args:
        content: The decoded file: ``images``, ``annotations``, ``categories``.
        iou_type: Kind of evaluation as in MMPose's CocoMetric; it says which fields hold the joints.
        use_area: Take ``area``; otherwise 0.53 of the box.
        joints: K where there is nobody to tell it.

    Raises:
        InputError: An annotation lacks a field, its joints are not as many as the others', or a number is not finite.
    """
    image_ids, category_ids = _ids(content['images'], 'image'), _ids(content.get('categories') or [], 'category')
    annotations = content.get('annotations') or []
    _check_fields(annotations, ['id'])
    fields = PART_FIELDS.get(iou_type, ('keypoints',))
    annotations = _with_joints(annotations, fields)
    by_number = iou_type == 'keypoints_crowd'
    needed = ['image_id', 'category_id', 'bbox', *fields, *['area'] * use_area, *['num_keypoints'] * by_number]
    _check_fields(annotations, needed)
    annotations, image, category = _listed(annotations, image_ids, category_ids)
    if annotations:
        keypoints = np.concatenate([_triples(annotations, field) for field in fields], axis=1)
    else:
        keypoints = np.zeros((0, joints, 3))
    boxes = _boxes(annotations)
    if use_area:
        areas = np.array([person['area'] for person in annotations], np.float64)
    else:
        areas = boxes[:, 2] * boxes[:, 3] * BOX_TO_BODY
    for name, values in (('keypoints', keypoints), ('bbox', boxes), ('area', areas)):
        _check_numbers(annotations, name, values)
    crowd = np.array([bool(person.get('iscrowd', 0)) for person in annotations], bool)
    if by_number:
        counted = np.array([person['num_keypoints'] for person in annotations], np.int64) != 0
    else:
        counted = (keypoints[..., 2] > 0).any(1)
    ids = np.array([person['id'] for person in annotations])
    return People(image_ids, category_ids, ids, image, category, keypoints, boxes, areas, crowd, crowd | ~counted)


def _with_joints(annotations: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    """Leave out what has no joints at all, such as regions of crowds, unless nobody has any."""
    kept = [one for one in annotations if any(one.get(field) for field in fields)]
    if not kept or len(kept) == len(annotations):
        return annotations
    print_log(
        f'{len(annotations) - len(kept)} of {len(annotations)} annotations are left out: they have no joints',
        'current',
        logging.WARNING,
    )
    return kept


def _check_fields(annotations: Sequence[Mapping[str, Any]], needed: Sequence[str]) -> None:
    for field in needed:
        lacking = [place for place, person in enumerate(annotations) if field not in person]
        if lacking:
            who = f'annotations[{lacking[0]}]' if field == 'id' else f'annotation {annotations[lacking[0]]["id"]}'
            hint = '; use_area=False measures people by their boxes' if field == 'area' else ''
            raise InputError(f'{who} lacks {field}{_of_all(lacking, annotations)}{hint}')


def _listed(
    annotations: Sequence[Mapping[str, Any]], image_ids: NDArray[Any], category_ids: NDArray[Any]
) -> tuple[Sequence[Mapping[str, Any]], NDArray[np.int64], NDArray[np.int64]]:
    """Leave out people of categories that are not listed; also the places of images and categories of the rest."""
    image, lost = positions([person['image_id'] for person in annotations], image_ids)
    if lost.any():
        first = annotations[int(np.flatnonzero(lost)[0])]
        raise InputError(f'annotation {first["id"]} is on image {first["image_id"]}, which is not listed')
    category, other = positions([person['category_id'] for person in annotations], category_ids)
    if not other.any():
        return annotations, image, category
    print_log(  # COCO's evaluation asks for the listed categories alone
        f'{int(other.sum())} of {len(annotations)} annotations are left out, as COCO does: their category is not '
        f'listed, first that of annotation {annotations[int(np.flatnonzero(other)[0])]["id"]}',
        'current',
        logging.WARNING,
    )
    listed = [person for person, out in zip(annotations, other, strict=True) if not out]
    return listed, image[~other], category[~other]


def _check_numbers(annotations: Sequence[Mapping[str, Any]], name: str, values: NDArray[np.float64]) -> None:
    wrong = np.flatnonzero(~np.isfinite(values).all(tuple(range(1, values.ndim))))
    if len(wrong):
        raise InputError(
            f'annotation {annotations[wrong[0]]["id"]} has a {name} that is not finite{_of_all(wrong, annotations)}'
        )


def positions(ids: ArrayLike, known: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Find ids in a sorted array.

    Args:
        ids: N ids.
        known: (M,) ids in ascending order.

    Returns:
        (N,) the place of each id, and (N,) whether it is missing (then its place means nothing).
    """
    values = np.asarray(ids)
    if not len(known) or not len(values):
        return np.zeros(len(values), np.int64), np.ones(len(values), bool)
    if (values.dtype.kind in 'US') != (known.dtype.kind in 'US'):
        return np.zeros(len(values), np.int64), np.ones(len(values), bool)
    place = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return place, known[place] != values


def _ids(entries: Sequence[Mapping[str, Any]], what: str) -> NDArray[Any]:
    """Distinct ids of images or categories in ascending order."""
    if not entries:
        return np.zeros(0, np.int64)
    lacking = [place for place, entry in enumerate(entries) if 'id' not in entry]
    if lacking:
        raise InputError(f'{what} number {lacking[0]} lacks id ({len(lacking)} of {len(entries)})')
    ids = np.asarray([entry['id'] for entry in entries])
    if ids.dtype.kind not in 'iuUS':
        wrong = next(entry['id'] for entry in entries if np.asarray(entry['id']).dtype.kind not in 'iuUS')
        raise InputError(f'{what} id {wrong!r} is neither a whole number nor a text')
    return np.unique(ids)


def _boxes(annotations: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    counts = np.array([0 if (box := person['bbox']) is None else len(box) for person in annotations])
    wrong = np.flatnonzero(counts < 4)
    if len(wrong):
        raise InputError(
            f'annotation {annotations[wrong[0]]["id"]} has {counts[wrong[0]]} numbers in bbox: it takes x, y, width '
            f'and height{_of_all(wrong, annotations)}'
        )
    return np.array([person['bbox'][:4] for person in annotations], np.float64).reshape(-1, 4)


def _triples(annotations: Sequence[Mapping[str, Any]], field: str) -> NDArray[np.float64]:
    counts = np.array([len(person[field]) for person in annotations])
    wrong = np.flatnonzero((counts != counts[0]) | (counts % 3 != 0))
    if len(wrong):
        raise InputError(
            f'annotation {annotations[wrong[0]]["id"]} has {counts[wrong[0]]} numbers in {field}, others have '
            f'{counts[0]}: three a joint{_of_all(wrong, annotations)}'
        )
    rows: ArrayLike = [person[field] for person in annotations]
    return np.array(rows, np.float64).reshape(len(counts), -1, 3)


def _of_all(wrong: Sequence[Any] | NDArray[Any], entries: Sequence[Any]) -> str:
    return f' ({len(wrong)} of {len(entries)} annotations are wrong)' if len(wrong) > 1 else ''
