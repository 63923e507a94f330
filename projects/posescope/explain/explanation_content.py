"""An explanation as what JSON can hold."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from torch import Tensor

from posescope.explain.attribution.indices import compare_indices
from posescope.explain.completeness_reading import Completeness
from posescope.explain.explanation import Explainer, Seen
from posescope.explain.map_reading import SEEN, MapReader, plain_indices
from posescope.explain.person_mask import PersonMask

__all__ = ['ATTENTION', 'VERSION', 'about_content', 'note_of', 'person_content', 'sentences']

VERSION = 1
ATTENTION = ('attention_rollout', 'attention_relevance')
"""Methods that show attention, which is a description until an intervention agrees."""


def about_content(explainer: Explainer) -> dict[str, Any]:
    """What was asked: model, target and methods."""
    function = explainer.function
    return {
        'version': VERSION,
        'model': type(function.model).__name__,
        'head': type(function.readout.head).__name__,
        'kind': function.kind,
        'target': explainer.target.name,
        'target_options': _plain_options(explainer.target),
        'methods': {
            name: {'type': method.name, **_plain_options(method)} for name, method in explainer.methods.items()
        },
        'joints': [function.joints[joint] for joint in explainer.joints],
    }


def person_content(
    explainer: Explainer,
    seen: Seen,
    person: int,
    maps: Mapping[str, Tensor],
    mask: PersonMask | None = None,
) -> dict[str, Any]:
    """Everything about a person.

    Args:
        explainer: What was asked.
        seen: The people.
        person: Which of them.
        maps: By method, (J, H, W).
        mask: The person's pixels; None for what the data set tells.

    Returns:
        Places in pixels of the picture; numbers that are not defined are None.
    """
    names = explainer.function.joints
    reader = MapReader(names, seen.crops, seen.pose, person, mask)
    by_method = {name: _method_content(explainer, seen, person, name, found, reader) for name, found in maps.items()}
    places = seen.crops.in_image(seen.pose.places)[person]
    without = _without_model(explainer, seen, person, reader.mask)
    valid = seen.bound.valid[person, explainer.joints].tolist()
    joints = {
        names[joint]: {
            'seen': bool(reader.seen[joint]),
            'target': float(seen.values[person, joint]) if valid[number] else None,
            'methods': {method: found[number] for method, found in by_method.items()},
            'without_model': {name: numbers[number] for name, numbers in without.items()},
        }
        for number, joint in enumerate(explainer.joints)
    }
    left, top, right, bottom = reader.box.tolist()
    return {
        'box': [left, top, right - left, bottom - top],
        'score': float(seen.pose.scores[person].mean()),
        'note': note_of(seen, person),
        'crop': {'size': list(seen.crops.input_size), 'to_image': seen.crops.to_image[person].tolist()},
        'mask': reader.mask.content(),
        'reach': reader.radius,
        'attention': {
            name: {'agreement': None, 'note': 'not tested'}
            for name, method in explainer.methods.items()
            if method.name in ATTENTION and name in maps
        },
        'pose': {
            name: {'place': place, 'score': float(score)}
            for name, place, score in zip(names, places.tolist(), seen.pose.scores[person], strict=True)
        },
        'joints': joints,
    }


def _method_content(
    explainer: Explainer, seen: Seen, person: int, method: str, maps: Tensor, reader: MapReader
) -> list[dict[str, Any]]:
    """What a method's maps (J, H, W) say of each joint."""
    residual = explainer.residual(seen, person, method, maps)
    found = []
    for number, (joint, reading) in enumerate(zip(explainer.joints, reader.read(maps, explainer.joints), strict=True)):
        name, content = explainer.function.joints[joint], asdict(reading)
        if not seen.bound.valid[person, joint]:
            content['words'] = _without_meaning(name, explainer)
        else:
            content['words'] = reading.words(name)
        if residual is not None:
            missing = Completeness.of(reading.positive + reading.negative, float(residual[number]))
            content.update(residual=missing.residual, residual_share=missing.share)
            if missing.warning is not None and seen.bound.valid[person, joint]:
                content['words'] += f'; incomplete: {missing.warning}'
        found.append(content)
    return found


def note_of(seen: Seen, person: int) -> str | None:
    """Say what a reader of a person's maps has to know first, if anything."""
    unseen = int((seen.pose.scores[person] < SEEN).sum())
    count = seen.pose.scores.shape[1]
    if unseen == count:
        return (
            f'no joint scores {SEEN} or more: the model sees nobody here, and maps tell what its best guesses rest on'
        )
    if not unseen:
        return None
    verb = 'scores' if unseen == 1 else 'score'
    return f'{unseen} of {count} joints {verb} under {SEEN}: maps tell what guesses rest on'


def sentences(content: Mapping[str, Any]) -> dict[str, list[str]]:
    """By method, what a person's maps say in words."""
    found: dict[str, list[str]] = {}
    for joint in content['joints'].values():
        for method, reading in joint['methods'].items():
            found.setdefault(method, []).append(reading['words'])
    return found


def _without_meaning(joint: str, explainer: Explainer) -> str:
    """What is said of a joint whose target is not valid, so that its maps are empty."""
    return f"{joint.replace('_', ' ')}: target '{explainer.target.name}' means nothing for it here"


def _without_model(explainer: Explainer, seen: Seen, person: int, mask: PersonMask) -> dict[str, list[dict[str, Any]]]:
    """Indices of maps that know nothing of the model: what those of methods have to be compared with."""
    height, width = seen.crops.inputs.shape[-2:]
    places = seen.pose.places[person : person + 1].cpu()
    found = compare_indices(places, (height, width), mask.of_one, explainer.joints)
    return {
        name: [plain_indices(indices, number, explainer.function.joints) for number in range(len(explainer.joints))]
        for name, indices in found.items()
    }


def _plain_options(made: Any) -> dict[str, Any]:
    """Options of a method or target, as far as JSON can hold them."""
    return {key: value for key, value in vars(made).items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float)
