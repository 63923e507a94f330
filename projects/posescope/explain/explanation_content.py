"""An explanation as what JSON can hold."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from torch import Tensor

from posescope.explain.attribution.indices import compare_indices
from posescope.explain.explanation import Explainer, Seen
from posescope.explain.map_reading import SEEN, MapReader

__all__ = ['VERSION', 'about_content', 'note_of', 'person_content', 'sentences']

VERSION = 1


def about_content(explainer: Explainer) -> dict[str, Any]:
    """What was asked: model, target and methods."""
    function = explainer.function
    return {
        'version': VERSION,
        'model': type(function.model).__name__,
        'head': type(function.readout.head).__name__,
        'kind': function.kind,
        'target': explainer.target.name,
        'methods': {
            name: {key: value for key, value in vars(method).items() if _is_plain(value)}
            for name, method in explainer.methods.items()
        },
        'joints': [function.joints[joint] for joint in explainer.joints],
    }


def person_content(explainer: Explainer, seen: Seen, person: int, maps: Mapping[str, Tensor]) -> dict[str, Any]:
    """Everything about a person.

    Args:
        explainer: What was asked.
        seen: The people.
        person: Which of them.
        maps: By method, (J, H, W).

    Returns:
        Places in pixels of the picture; numbers that are not defined are None.
    """
    function = explainer.function
    names = function.joints
    reader = MapReader(names, seen.crops, seen.pose, person)
    readings = {method: reader.read(found, explainer.joints) for method, found in maps.items()}
    residuals = {method: explainer.residual(seen, person, method, found) for method, found in maps.items()}
    places = seen.crops.in_image(seen.pose.places)[person]
    without = _without_model(explainer, seen, person)
    valid = seen.bound.valid[person, explainer.joints].tolist()
    joints: dict[str, Any] = {}
    for number, joint in enumerate(explainer.joints):
        by_method = {}
        for method, found in readings.items():
            by_method[method] = asdict(found[number])
            by_method[method]['words'] = (
                found[number].words(names[joint]) if valid[number] else _without_meaning(names[joint], explainer)
            )
            residual = residuals[method]
            if residual is not None:
                by_method[method]['residual'] = float(residual[number])
        joints[names[joint]] = {
            'seen': bool(reader.seen[joint]),
            'target': float(seen.values[person, joint]) if valid[number] else None,
            'methods': by_method,
            'without_model': {name: numbers[number] for name, numbers in without.items()},
        }
    left, top, right, bottom = reader.box.tolist()
    return {
        'box': [left, top, right - left, bottom - top],
        'score': float(seen.pose.scores[person].mean()),
        'note': note_of(seen, person),
        'crop': {'size': list(seen.crops.input_size), 'to_image': seen.crops.to_image[person].tolist()},
        'reach': reader.radius,
        'pose': {
            name: {'place': place, 'score': float(score)}
            for name, place, score in zip(names, places.tolist(), seen.pose.scores[person], strict=True)
        },
        'joints': joints,
    }


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


def _without_model(explainer: Explainer, seen: Seen, person: int) -> dict[str, list[dict[str, Any]]]:
    """DI, LI and RI of maps that know nothing of the model: what those of methods have to be compared with."""
    height, width = seen.crops.inputs.shape[-2:]
    places = seen.pose.places[person : person + 1].cpu()
    found = compare_indices(places, (height, width), joints=explainer.joints)
    return {
        name: [
            {
                'di': float(di),
                'li': float(li) if np.isfinite(li) else None,
                'ri': dict(
                    zip(explainer.function.joints, (one if np.isfinite(one) else None for one in ri), strict=True)
                ),
            }
            for di, li, ri in zip(indices.di[0].tolist(), indices.li[0].tolist(), indices.ri[0].tolist(), strict=True)
        ]
        for name, indices in found.items()
    }


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)
