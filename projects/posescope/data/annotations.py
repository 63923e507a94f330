"""COCO-format annotation files: read with errors that help, joints matched with a skeleton by name."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posescope.errors import InputError


def read_json(path: Path, what: str) -> Any:
    """Read a JSON file.

    Args:
        path: The file.
        what: What it should hold, for the message, e.g. ``'annotation file'``.

    Raises:
        InputError: The file is missing, unreadable or no JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f'{what} {path} does not exist') from None
    except OSError as error:
        raise InputError(f'{what} {path} cannot be read: {error.strerror}') from None
    except ValueError as error:
        raise InputError(f'{what} {path} is not valid JSON: {error}') from None


def read_categories(path: Path) -> list[dict]:
    """Read only the categories of an annotation file; decoding all of COCO's training set would take ten seconds.

    Args:
        path: A COCO-format JSON file.

    Returns:
        Its categories; empty if it has none.

    Raises:
        InputError: As :func:`read_json`.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError):
        read_json(path, 'annotation file')
        return []
    matches = list(re.finditer(r'"categories"\s*:\s*', text))
    if len(matches) == 1:  # several may be somebody's notes
        found = None
        try:
            found = json.JSONDecoder().raw_decode(text, matches[-1].end())[0]
        except ValueError:
            read_json(path, 'annotation file')
        if isinstance(found, list) and all(isinstance(one, dict) for one in found):
            return found
    content = read_json(path, 'annotation file')
    listed = content.get('categories') if isinstance(content, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def joint_names(categories: Sequence[dict]) -> list[str] | None:
    """Return the joint names of the first category that has joints, None if there is none."""
    return next((list(category['keypoints']) for category in categories if category.get('keypoints')), None)


_SAME_JOINT = (('head', 'tophead', 'headtop'),)
"""Plain names of one joint, of which a skeleton has one."""


def match_joints(found: Sequence[str], wanted: Sequence[str], path: Path) -> list[int]:
    """Find where each wanted joint stands among the joints of a file.

    Names are compared without regard to case and separators, and one joint may go by several (the top of the head, in
    CrowdPose's files and in MMPose). The file may have further joints.

    Args:
        found: Names in the order of the file.
        wanted: Names in the order of the config's skeleton.
        path: The file, for the message.

    Returns:
        For each wanted joint its index in the file.

    Raises:
        InputError: The file lacks a joint; the message lists both skeletons.
    """
    places = {plain_name(name): index for index, name in enumerate(found)}
    plain = [plain_name(name) for name in wanted]
    for same in _SAME_JOINT:
        known, asked = ([name for name in same if name in names] for names in (places, plain))
        if len(known) == len(asked) == 1:
            places[asked[0]] = places[known[0]]
    missing = [name for name in wanted if plain_name(name) not in places]
    if missing:
        raise InputError(
            f'the joints of {path} do not match the config; missing: {", ".join(missing)}; '
            f'the file has {len(found)}: {", ".join(found)}; the config has {len(wanted)}: {", ".join(wanted)}'
        )
    return [places[plain_name(name)] for name in wanted]


def plain_name(name: str) -> str:
    """Put a name into lower case, without separators."""
    return re.sub(r'[\W_]+', '', name.lower())


def select_joints(annotations: dict[str, Any], order: Sequence[int]) -> dict[str, Any]:
    """Return the annotations with joints in another order, or fewer of them.

    Args:
        annotations: A whole COCO-format file; not changed.
        order: For each joint of the result its index in ``annotations``.

    Returns:
        A copy whose ``keypoints``, ``num_keypoints`` and category names follow ``order``. Skeleton lines between joints
        that both remain are kept.

    Raises:
        InputError: Somebody has fewer joints than that.
    """
    place = {old: new for new, old in enumerate(order)}
    people = []
    for person in annotations['annotations']:
        if person.get('keypoints'):
            if len(person['keypoints']) <= 3 * max(order) + 2:
                count = len(person['keypoints']) // 3
                raise InputError(f'annotation {person["id"]} has {count} joints, fewer than its category names')
            triples = [person['keypoints'][3 * index : 3 * index + 3] for index in order]
            labelled = sum(triple[2] > 0 for triple in triples)
            person = {**person, 'keypoints': [v for triple in triples for v in triple], 'num_keypoints': labelled}
        people.append(person)
    categories = []
    for category in annotations.get('categories', []):
        if category.get('keypoints'):
            lines = [(a - 1, b - 1) for a, b in category.get('skeleton') or []]
            category = {
                **category,
                'keypoints': [category['keypoints'][index] for index in order],
                'skeleton': [[place[a] + 1, place[b] + 1] for a, b in lines if a in place and b in place],
            }
        categories.append(category)
    return {**annotations, 'annotations': people, 'categories': categories}


def under_root(dataset: dict, key: str) -> Path:
    """Return the path of ``ann_file`` as the dataset will see it: below ``data_root`` unless absolute."""
    return Path(dataset.get('data_root') or '') / dataset[key]


def annotation_files(node: Any) -> list[str]:
    """List the annotation files that a part of a config names."""
    if isinstance(node, dict):
        own = [str(under_root(node, 'ann_file'))] if isinstance(node.get('ann_file'), str) else []
        return own + [path for value in node.values() for path in annotation_files(value)]
    if isinstance(node, list | tuple):
        return [path for value in node for path in annotation_files(value)]
    return []
