"""Mean OKS by kind of person: heading, pose, hidden and missing joints, size; and a table of several data sets."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

__all__ = ['stratify', 'table', 'told_by_renderer']

FAMILIES = ('all', 'clear', 'heading', 'pose', 'hidden joints', 'labelled joints', 'people', 'size')
_HEADINGS = ('0° (front)', '45°', '90°', '135°', '180° (back)', '225°', '270°', '315°')
_POSES = ('standing', 'walking', 'reaching', 'bending', 'sitting', 'crouching', 'lying')
_HIDDEN = ('none', 'up to 20 %', '20 to 40 %', 'over 40 %')
_LABELLED = ('all', 'three quarters', 'fewer')
_ORDER = {
    name: rank
    for rank, name in enumerate(
        ['everyone', 'yes', *_HEADINGS, *_POSES, *_HIDDEN, *_LABELLED, 'one', 'several', 'small', 'medium', 'large']
    )
}


def stratify(content: Mapping[str, Any]) -> dict[tuple[int, int], dict[str, str]]:
    """Sort the people of COCO-format annotations into strata.

    Hidden joints (v = 1) and missing ones (v = 0), people per picture and size (COCO's area ranges: 32² and 96² pixels)
    are known for every data set. Heading, pose and whether somebody is clear to see (alone, nothing in front, nothing
    outside the picture) are known for rendered people only, and where their file tells.

    Args:
        content: A decoded annotation file.

    Returns:
        By (image id, annotation id): the person's stratum in each family of :data:`FAMILIES` that is known.
    """
    people = Counter(person['image_id'] for person in content['annotations'])
    return {
        (person['image_id'], person['id']): dict(_strata(person, alone=people[person['image_id']] == 1))
        for person in content['annotations']
    }


def _strata(person: Mapping[str, Any], *, alone: bool) -> Iterator[tuple[str, str]]:
    visible = np.asarray(person.get('keypoints') or [])[2::3]  # null, of a crowd, say
    labelled = int((visible > 0).sum())
    yield 'all', 'everyone'
    yield 'people', 'one' if alone else 'several'
    if labelled:
        hidden = float((visible == 1).sum() / labelled)
        yield 'hidden joints', _HIDDEN[int(np.searchsorted([0.0, 0.2, 0.4], hidden))]
        share = labelled / len(visible)
        yield 'labelled joints', _LABELLED[0 if share == 1 else 1 if share >= 0.75 else 2]
    if person.get('area') is not None:
        yield 'size', ('small', 'medium', 'large')[int(np.searchsorted([32**2, 96**2], person['area'], 'right'))]
    told = told_by_renderer(person)
    if told.get('sector') in range(len(_HEADINGS)):
        yield 'heading', _HEADINGS[int(told['sector'])]
    if 'pose_class' in told:
        yield 'pose', str(told['pose_class'])
    if alone and told.get('unoccluded') and told.get('truncated') is False:
        yield 'clear', 'yes'


def told_by_renderer(person: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a renderer said about a person: ``rendered`` of an annotation, empty without one.

    Files of other renderers may lack any of its entries, so nobody may count on one.
    """
    told = person.get('rendered')
    return told if isinstance(told, Mapping) else {}


def table(
    sets: Mapping[str, tuple[Mapping[str, Any], Mapping[tuple[int, int], float]]],
) -> str:
    """Set the mean OKS of several data sets beside each other, stratum by stratum.

    Args:
        sets: By name: decoded annotations, and the OKS of people by (image id, annotation id).

    Returns:
        A Markdown table: mean OKS ± its standard error, and the number of people.
    """
    groups = {name: _group(*found) for name, found in sets.items()}
    rows = sorted(
        {stratum for found in groups.values() for stratum in found},
        key=lambda stratum: (FAMILIES.index(stratum[0]), _ORDER.get(stratum[1], len(_ORDER)), stratum[1]),
    )
    lines = [
        '| | stratum | ' + ' | '.join(f'{name}: OKS | people' for name in groups) + ' |',
        '|---|---|' + '---:|---:|' * len(groups),
    ]
    family = ''
    for row in rows:
        cells = ' | '.join(_cell(found.get(row, [])) for found in groups.values())
        lines.append(f'| {row[0] if row[0] != family else ""} | {row[1]} | {cells} |')
        family = row[0]
    return '\n'.join(lines) + '\n'


def _group(
    content: Mapping[str, Any], similarities: Mapping[tuple[int, int], float]
) -> dict[tuple[str, str], list[float]]:
    groups: dict[tuple[str, str], list[float]] = {}
    for person, strata in stratify(content).items():
        if person in similarities:
            for stratum in strata.items():
                groups.setdefault(stratum, []).append(similarities[person])
    return groups


def _cell(similarities: list[float]) -> str:
    if not similarities:
        return '– | 0'
    count = len(similarities)
    error = f' ± {np.std(similarities, ddof=1) / np.sqrt(count):.3f}' if count > 1 else ''
    return f'{np.mean(similarities):.3f}{error} | {count}'
