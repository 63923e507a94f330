"""COCO-format annotation files: read with errors that help, joints matched with a skeleton by name."""

import json
import re
from collections import Counter
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
        text = path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError):  # no such file, or JSON of another encoding
        text = ''
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

    A name that the file spells alike is taken; otherwise names are compared without regard to case and separators, as
    long as that leaves one choice. One joint may go by several (the top of the head, in CrowdPose's files and in
    MMPose). The file may have further joints.

    Args:
        found: Names in the order of the file.
        wanted: Names in the order of the config's skeleton.
        path: The file, for the message.

    Returns:
        For each wanted joint its index in the file.

    Raises:
        InputError: The file lacks a joint, and the message lists both skeletons; or names cannot be told apart.
    """
    choices = {name: joint_places(name, found) for name in wanted}
    for name, other in _other_names(found, wanted).items():
        choices[name] = choices[name] or joint_places(other, found)
    exact = {name for name, places in choices.items() if [found[place] for place in places] == [name]}
    taken = {choices[name][0] for name in exact}
    for name in choices.keys() - exact:
        if len(choices[name]) == 1 and choices[name][0] in taken:
            choices[name] = []
    missing = [name for name in wanted if not choices[name]]
    if missing:
        raise InputError(
            f'the joints of {path} do not match the config; missing: {", ".join(missing)}; '
            f'the file has {len(found)}: {", ".join(found)}; the config has {len(wanted)}: {", ".join(wanted)}'
        )
    claims = Counter(places[0] for places in choices.values() if len(places) == 1)
    unclear = [name for name, places in choices.items() if len(places) > 1 or claims[places[0]] > 1]
    if unclear:
        meant = dict.fromkeys(found[place] for name in unclear for place in choices[name])
        raise InputError(
            f'the joints of {path} cannot be matched by name: {", ".join(unclear)} of the config may each be '
            f'{" or ".join(meant)} of the file; spell them alike in both'
        )
    return [choices[name][0] for name in wanted]


def joint_places(name: str, joints: Sequence[str]) -> list[int]:
    """Find the joints that a name may mean.

    Args:
        name: The name.
        joints: Names to choose from.

    Returns:
        The index of the joint that is spelled alike, if there is one; else of all that differ in case and separators
        alone.
    """
    alike = [index for index, joint in enumerate(joints) if joint == name]
    if len(alike) == 1:
        return alike
    plain = plain_name(name)
    return [index for index, joint in enumerate(joints) if plain_name(joint) == plain]


def _other_names(found: Sequence[str], wanted: Sequence[str]) -> dict[str, str]:
    """Map wanted joints to what the file calls them, where a joint goes by several names."""
    others = {}
    for same in _SAME_JOINT:
        known, asked = ([name for name in names if plain_name(name) in same] for names in (found, wanted))
        if len(known) == len(asked) == 1:
            others[asked[0]] = known[0]
    return others


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
