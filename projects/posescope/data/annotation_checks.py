"""Checks of COCO-format annotations that name the first offender and how many there are."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from posescope.errors import InputError

_Problem = Callable[[dict[str, Any]], str | None]


def check_annotations(content: Any, path: Path) -> None:
    """Raise :class:`InputError` unless a file has COCO's structure and finite numbers.

    Fields that a reader may do without (boxes, areas, joints) need not be there; where they are, they must be right.

    Args:
        content: The decoded file.
        path: The file, for the message.
    """
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise InputError(f'{path} is no COCO-format annotation file: it holds a {kind}, not an object')
    for part in ('images', 'annotations', 'categories'):
        entries = content.get(part, None if part == 'images' else [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise InputError(f'{path} is no COCO-format annotation file: "{part}" has to be a list of objects')
    images, people = content['images'], content.get('annotations', [])
    _refuse(images, 'images', path, _image_problem)
    known = {image['id'] for image in images}
    _refuse(people, 'annotations', path, lambda person: _person_problem(person, known))
    _refuse_doubles((image['id'] for image in images), 'images', path)
    _refuse_doubles((person['id'] for person in people), 'annotations', path)


def _refuse(entries: list[dict], part: str, path: Path, problem_of: _Problem) -> None:
    problems = [(index, problem) for index, entry in enumerate(entries) if (problem := problem_of(entry)) is not None]
    if problems:
        index, problem = problems[0]
        more = f' ({len(problems)} of {len(entries)} entries are wrong)' if len(problems) > 1 else ''
        raise InputError(f'{path}: {part}[{index}] {problem}{more}')


def _refuse_doubles(ids: Iterable[Any], part: str, path: Path) -> None:
    seen: set[Any] = set()
    for identity in ids:
        if identity in seen:
            raise InputError(f'{path}: {part} has id {identity} more than once')
        seen.add(identity)


def _image_problem(image: dict[str, Any]) -> str | None:
    if not isinstance(image.get('id'), int | str):
        return 'lacks id'
    return None if isinstance(image.get('file_name'), str) else 'lacks file_name'


def _person_problem(person: dict[str, Any], known: set[Any]) -> str | None:
    if not isinstance(person.get('id'), int | str):
        return 'lacks id'
    if not isinstance(person.get('image_id'), int | str) or person['image_id'] not in known:
        return f'is on image_id {person.get("image_id")}, which images does not list'
    for field, right in (('bbox', _is_box), ('keypoints', _are_triples), ('area', _is_number)):
        if field in person and not right(person[field]):
            return f'has a wrong {field}: {_short(person[field])}'
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _is_box(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(map(_is_number, value))


def _are_triples(value: Any) -> bool:
    return isinstance(value, list) and len(value) % 3 == 0 and all(map(_is_number, value))


def _short(value: Any) -> str:
    text = repr(value)
    return f'{len(value)} numbers, {text[:40]} …' if isinstance(value, list) and len(text) > 60 else text[:60]


def require_people(content: dict[str, Any], path: Path) -> None:
    """Raise :class:`InputError` unless there are people with labelled joints that COCO's evaluation can weigh.

    Args:
        content: Annotations that :func:`check_annotations` has passed.
        path: The file, for the message.
    """
    people = content.get('annotations', [])
    labelled = [person for person in people if any(visibility > 0 for visibility in person.get('keypoints', [])[2::3])]
    if not labelled:
        raise InputError(f'{path} holds no people with labelled joints ({len(people)} annotations)')
    counts = {len(person['keypoints']) // 3 for person in people if 'keypoints' in person}
    categories = content.get('categories', [])
    names = next((category['keypoints'] for category in categories if category.get('keypoints')), None)
    if len(counts) > 1 or (names is not None and counts != {len(names)}):
        named = '' if names is None else f', its category names {len(names)}'
        raise InputError(f'{path} has people with {", ".join(map(str, sorted(counts)))} joints{named}')
    for index, person in enumerate(people):
        lacking = [key for key in ('keypoints', 'bbox', 'area', 'category_id') if key not in person]
        if lacking:
            raise InputError(f'{path}: annotations[{index}] lacks {", ".join(lacking)}, which the evaluation needs')


def require_images(content: dict[str, Any], folder: Path, path: Path) -> None:
    """Raise :class:`InputError` that names the first image of the annotations that is not in ``folder``."""
    if not folder.is_dir():
        raise InputError(f'image folder {folder} does not exist')
    names = [image['file_name'] for image in content['images']]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InputError(f'{len(missing)} of {len(names)} images of {path} are missing, first {folder / missing[0]}')


def check_detections(boxes: Any, path: Path) -> None:
    """Raise :class:`InputError` unless a file holds COCO-format detections with finite boxes.

    Args:
        boxes: The decoded file.
        path: The file, for the message.
    """
    if not isinstance(boxes, list) or not all(isinstance(box, dict) for box in boxes):
        raise InputError(f'{path} is no list of COCO-format detections')
    _refuse(boxes, 'detections', path, _detection_problem)


def _detection_problem(box: dict[str, Any]) -> str | None:
    missing = [key for key in ('image_id', 'category_id', 'bbox', 'score') if key not in box]
    if missing:
        return f'lacks {", ".join(missing)}: no list of COCO-format detections'
    if not isinstance(box['image_id'], int | str):
        return f'has a wrong image_id: {box["image_id"]!r}'
    if not isinstance(box['bbox'], list) or len(box['bbox']) < 4 or not all(map(_is_number, box['bbox'])):
        return f'has a wrong bbox: {box["bbox"]!r}'
    return None if _is_number(box['score']) else f'has a wrong score: {box["score"]!r}'
