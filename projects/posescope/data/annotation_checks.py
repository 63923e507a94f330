"""Checks of COCO-format annotations that name the first offender and how many there are."""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from posescope.errors import InputError

_Problem = Callable[[dict[str, Any]], str | None]


def check_annotations(content: Any, path: Path, pictures: bool = True) -> None:
    """Raise :class:`InputError` unless a file has COCO's structure and finite numbers.

    Fields that a reader may do without (boxes, areas, joints) need not be there; where they are, they must be right.

    Args:
        content: The decoded file.
        path: The file, for the message.
        pictures: Whether pictures have to be named, which evaluation alone does without.
    """
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise InputError(f'{path} is no COCO-format annotation file: it holds a {kind}, not an object')
    for part in ('images', 'annotations', 'categories'):
        entries = content.get(part, None if part == 'images' else [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise InputError(f'{path} is no COCO-format annotation file: "{part}" has to be a list of objects')
    images, people = content['images'], content.get('annotations', [])
    _refuse(images, 'images', path, _image_problem if pictures else _id_problem)
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
    if (problem := _id_problem(image)) is not None:
        return problem
    return None if isinstance(image.get('file_name'), str) else 'lacks file_name'


def _person_problem(person: dict[str, Any], known: set[Any]) -> str | None:
    if (problem := _id_problem(person)) is not None:
        return problem
    if not isinstance(person.get('image_id'), int | str) or person['image_id'] not in known:
        return f'is on image_id {person.get("image_id")}, which images does not list'
    for field, right in (('bbox', _is_box), ('keypoints', _are_triples), ('area', _is_number)):
        if person.get(field) is not None and not right(person[field]):
            return f'has a wrong {field}: {_short(person[field])}'
    return None


def _id_problem(entry: dict[str, Any]) -> str | None:
    if isinstance(entry.get('id'), int | str):
        return None
    return f'has a wrong id: {entry["id"]!r}; it takes a whole number or a text' if 'id' in entry else 'lacks id'


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:  # whole numbers beyond any float
        return False


def _is_box(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(map(_is_number, value))


def _are_triples(value: Any) -> bool:
    return isinstance(value, list) and len(value) % 3 == 0 and all(map(_is_number, value))


def _short(value: Any) -> str:
    text = repr(value)
    return f'{len(value)} numbers, {text[:40]} …' if isinstance(value, list) and len(text) > 60 else text[:60]


def check_for_data_set(content: dict[str, Any], path: Path) -> None:
    """Raise :class:`InputError` unless MMPose's data sets can read what :func:`check_annotations` has passed.

    They compute with the ids of images and with their sizes, and ask for the category of everybody with joints. Who has
    no box is left out by them, but a box that is null they try to read.

    Args:
        content: The annotations.
        path: The file, for the message.
    """
    _refuse(content['images'], 'images', path, _unreadable_image)
    needs_category = bool(content.get('categories'))
    _refuse(content.get('annotations', []), 'annotations', path, lambda one: _unreadable_person(one, needs_category))


def _unreadable_image(image: dict[str, Any]) -> str | None:
    if not isinstance(image['id'], int):
        return f"has the id {image['id']!r}; MMPose's data sets need whole numbers"
    lacking = [key for key in ('width', 'height') if not _is_number(image.get(key))]
    return f"lacks {' and '.join(lacking)}, which MMPose's data sets need" if lacking else None


def _unreadable_person(person: dict[str, Any], needs_category: bool) -> str | None:
    if not person.get('keypoints'):
        return None
    if 'bbox' in person and person['bbox'] is None:
        return f"(id {person['id']}) has joints but null for its bbox, which MMPose's data sets cannot read"
    return 'lacks category_id' if needs_category and 'category_id' not in person else None


def without_jointless(content: dict[str, Any]) -> dict[str, Any]:
    """Leave out annotations that have no joints, such as regions of crowds and things of other categories.

    Returns:
        The content itself if all have joints, or none has.
    """
    people = content.get('annotations') or []
    kept = [person for person in people if person.get('keypoints')]
    return {**content, 'annotations': kept} if 0 < len(kept) < len(people) else content


def require_people(
    content: dict[str, Any], path: Path, fields: Sequence[str] = ('bbox', 'area', 'category_id')
) -> None:
    """Raise :class:`InputError` unless there are people with labelled joints that COCO's evaluation can weigh.

    Annotations without joints are nobody.

    Args:
        content: Annotations that :func:`check_annotations` has passed.
        path: The file, for the message.
        fields: What everybody has to have beside joints. COCO's evaluation needs no area with ``use_area=False``.
    """
    every = content.get('annotations', [])
    people = [person for person in every if person.get('keypoints')]
    if not any(visibility > 0 for person in people for visibility in person['keypoints'][2::3]):
        raise InputError(f'{path} holds no people with labelled joints ({len(every)} annotations)')
    counts = {len(person['keypoints']) // 3 for person in people}
    categories = content.get('categories', [])
    names = next((category['keypoints'] for category in categories if category.get('keypoints')), None)
    if len(counts) > 1 or (names is not None and counts != {len(names)}):
        named = '' if names is None else f', its category names {len(names)}'
        raise InputError(f'{path} has people with {", ".join(map(str, sorted(counts)))} joints{named}')
    for index, person in enumerate(every):
        lacking = [key for key in fields if person.get(key) is None] if person.get('keypoints') else []
        if lacking:
            hint = '; use_area=False of the metric measures people by their boxes' if 'area' in lacking else ''
            raise InputError(
                f'{path}: annotations[{index}] lacks {", ".join(lacking)}, which the evaluation needs{hint}'
            )


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
