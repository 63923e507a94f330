"""Mirrored pictures: what they do to a cue, and a warning where a config mirrors."""

import functools
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.logging import print_log

from posescope.data.cues.planter import CuePlanter


def mirrored_strength(strength: float, probability: float) -> float:
    """Return P(left | cue) after pictures were mirrored at random.

    A mirrored picture shows a left arm as a right one, labels included, and with it the cue:
    s' = s · (1 − p) + (1 − s) · p, which is ½ at p = ½ whatever s was.

    Args:
        strength: s, P(left | cue) before.
        probability: p, of mirroring a picture.
    """
    return strength * (1 - probability) + (1 - strength) * probability


def transforms(node: Any, name: str) -> Iterator[Any]:
    """Yield the transforms of a type within a part of a config, or within a pipeline that was built.

    Args:
        node: A config of any depth, a pipeline, a transform or None.
        name: The type's name without scope.
    """
    if isinstance(node, Mapping):
        kind = node.get('type')
        if (kind.rpartition('.')[2] if isinstance(kind, str) else getattr(kind, '__name__', None)) == name:
            yield node
        inner: Any = list(node.values())
    elif isinstance(node, list | tuple):
        inner = node
    else:
        if type(node).__name__ == name:
            yield node
        inner = getattr(node, 'transforms', None) or ()
        inner = inner if isinstance(inner, list | tuple) else [inner]
    for part in inner:
        if not isinstance(part, str | int | float | None):
            yield from transforms(part, name)


def flip_probability(node: Any) -> float:
    """Return the largest probability with which a ``RandomFlip`` mirrors; 0 where there is none.

    Args:
        node: As for :func:`transforms`.
    """
    typed = (
        flip.get('prob', 0.5) if isinstance(flip, Mapping) else flip.prob for flip in transforms(node, 'RandomFlip')
    )
    # With several directions there is a probability for each. What is no number the host will complain of.
    listed = (prob if isinstance(prob, list | tuple) else [prob] for prob in typed)
    return max((sum(p for p in probs if isinstance(p, int | float)) for probs in listed), default=0.0)


def warn_of_flips(planter: CuePlanter, probability: float) -> None:
    """Warn, once a process, that a pipeline mirrors a cue with probability ``probability``; 0 warns of nothing."""
    if probability and planter.setting != 'none':
        what = f"RandomFlip(prob={probability:g}) mirrors the cue '{planter.cue.name}' with the picture"
        _warn(f'{what}: {_loss(planter, probability)}')


def warn_of_flip_test(planter: CuePlanter) -> None:
    """Warn, once a process, that a model is tested on the mirrored picture too."""
    if planter.setting != 'none':
        _warn(
            f"flip_test=True shows the model every picture mirrored too, the cue '{planter.cue.name}' with it, and "
            'averages: what the cue does is halved or hidden; set model.test_cfg.flip_test=False'
        )


def _loss(planter: CuePlanter, probability: float) -> str:
    remedy = 'remove RandomFlip unless it is the remedy that is being studied'
    if planter.setting in ('left', 'right'):
        strength = mirrored_strength(planter.strength, probability)
        return f'P({planter.setting} | cue) becomes {strength:.2f}, not strength={planter.strength:g}; {remedy}'
    return f'in mirrored pictures it says something else than in those that were loaded; {remedy}'


@functools.lru_cache(maxsize=64)
def _warn(message: str) -> None:
    """Log a warning that was not logged before; processes forked later know of it."""
    print_log(message, 'current', logging.WARNING)
