"""Kinds of people and joints over which errors are compared: hidden, truncated, crowded, small, and so on."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posescope.evaluation.neighbours import pairs_on_image
from posescope.evaluation.people import People
from posescope.evaluation.strata import FAMILIES, stratify, told_by_renderer

__all__ = ['ORDER', 'populations']

_FROM_STRATA = tuple(family for family in FAMILIES if family not in ('all', 'clear', 'people'))
ORDER = {
    'visibility': ('visible', 'hidden'),
    'hidden joints': ('none', 'up to 20 %', '20 to 40 %', 'over 40 %'),
    'labelled joints': ('all', 'three quarters', 'fewer'),
    'truncation': ('inside', "at the picture's edge"),
    'crowding': ('no overlap', 'IoU up to .1', 'IoU over .1'),
    'people per picture': ('1', '2', '3 to 5', '6 or more'),
    'size': ('small', 'medium', 'large'),
    'heading': ('0° (front)', '45°', '90°', '135°', '180° (back)', '225°', '270°', '315°'),
}
"""Families and their members in the order of tables; members of other families are in alphabetical order."""
_EDGE = 1.0
_OVERLAP = 0.1


def populations(content: Mapping[str, Any], people: People) -> dict[str, NDArray[np.str_]]:
    """Sort joints into the populations of each family that the annotations tell.

    Args:
        content: The decoded annotation file; heading and pose are known where a renderer told them.
        people: The G people of it.

    Returns:
        By family: (G, K), name of each joint's population; empty where not known.
    """
    joints = people.keypoints.shape[1]
    by_person = {**_strata(content, people), 'truncation': _truncation(content, people)}
    by_person |= {'crowding': _crowding(people), 'people per picture': _company(people)}
    visible = people.keypoints[..., 2]
    families = {'visibility': np.where(visible == 2, 'visible', np.where(visible == 1, 'hidden', ''))}
    for family, names in by_person.items():
        families[family] = np.repeat(names[:, None], joints, axis=1)
    ranked = sorted(families, key=lambda family: ([*ORDER, family].index(family), family))
    return {family: families[family] for family in ranked if (families[family] != '').any()}


def _strata(content: Mapping[str, Any], people: People) -> dict[str, NDArray[np.str_]]:
    known = stratify(content)
    keys = zip(people.image_ids[people.image].tolist(), people.ids.tolist(), strict=True)
    rows = [known.get(key, {}) for key in keys]
    return {family: np.array([row.get(family, '') for row in rows], str) for family in _FROM_STRATA}


def _truncation(content: Mapping[str, Any], people: People) -> NDArray[np.str_]:
    """Whether a box reaches the edge of its picture; the renderer's word where there is one."""
    sizes = {image['id']: (image.get('width', np.nan), image.get('height', np.nan)) for image in content['images']}
    size = np.array([sizes[i] for i in people.image_ids.tolist()], np.float64).reshape(-1, 2)[people.image]
    corner, far = people.boxes[:, :2], people.boxes[:, :2] + people.boxes[:, 2:]
    cut = (corner <= _EDGE).any(1) | (far >= size - _EDGE).any(1)
    unknown = np.isnan(size).any(1)
    told = {one['id']: told_by_renderer(one).get('truncated') for one in content['annotations']}
    told = {identity: truncated for identity, truncated in told.items() if truncated is not None}
    if told:
        cut = np.array([bool(told.get(one, here)) for one, here in zip(people.ids.tolist(), cut, strict=True)], bool)
    inside, edge = ORDER['truncation']
    return np.where(unknown, '', np.where(cut, edge, inside))


def _crowding(people: People) -> NDArray[np.str_]:
    """How much the box of the nearest other person on the image overlaps."""
    first, second = pairs_on_image(people.image, people.category, people)
    real = first != second
    first, second = first[real], second[real]
    low = np.maximum(people.boxes[first, :2], people.boxes[second, :2])
    far = people.boxes[:, :2] + people.boxes[:, 2:]
    common = np.prod(np.maximum(0, np.minimum(far[first], far[second]) - low), axis=1)
    area = np.prod(people.boxes[:, 2:], axis=1)
    union = area[first] + area[second] - common
    iou = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    most = np.zeros(len(people))
    np.maximum.at(most, first, iou)
    return np.array(ORDER['crowding'])[(most > 0).astype(int) + (most > _OVERLAP)]


def _company(people: People) -> NDArray[np.str_]:
    count = np.bincount(people.image, minlength=len(people.image_ids))[people.image]
    return np.array(ORDER['people per picture'])[np.searchsorted([1, 2, 5], count)]
