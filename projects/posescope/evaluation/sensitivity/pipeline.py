"""Test pipelines with one more step."""

from collections.abc import Sequence
from typing import Any

from posescope.errors import InputError
from posescope.evaluation.sensitivity.factors import PICTURE, Factor

__all__ = ['input_size', 'mirrored', 'perturbed']

Steps = Sequence[dict[str, Any]]
_WARPS = ('TopdownAffine',)
_NEEDED = ('LoadImage', 'GetBBoxCenterScale', *_WARPS)


def input_size(steps: Steps) -> tuple[int, int]:
    """Width and height of the model's input, as a top-down pipeline makes it.

    Raises:
        InputError: The pipeline is not that of a top-down model.
    """
    names = _names(steps)
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise InputError(
            f'sensitivity is measured on top-down models, whose test pipeline has {", ".join(_NEEDED)}; '
            f'this one lacks {", ".join(missing)}: {", ".join(names)}'
        )
    width, height = steps[names.index(_WARPS[0])]['input_size']
    return int(width), int(height)


def perturbed(steps: Steps, factor: Factor, amount: float, seed: int) -> list[dict[str, Any]]:
    """Put a perturbation where it belongs: a picture's after loading (and a planted cue), a box's after it is known.

    Args:
        steps: Configs of the test pipeline's transforms.
        factor: What is changed.
        amount: By how much; 0 leaves the pipeline as it is. The same turn for all models: ``TopdownAffine`` turns the
            other way with ``use_udp=True``, where the box gets the opposite angle.
        seed: Of what is drawn for each sample.

    Raises:
        InputError: The pipeline is not that of a top-down model.
    """
    size = input_size(steps)
    if not amount:
        return list(steps)
    use_udp = bool(steps[_names(steps).index(_WARPS[0])].get('use_udp', False))
    if factor.argument == 'rotation' and use_udp:
        amount = -amount
    after = ('LoadImage', 'PlantCue') if factor.group == PICTURE else ('GetBBoxCenterScale',)
    return _inserted(steps, after, factor.step(amount, size, seed, use_udp))


def mirrored(steps: Steps) -> list[dict[str, Any]]:
    """Mirror the picture, its boxes and its labels, by MMPose's own transform.

    Raises:
        InputError: The pipeline is not that of a top-down model.
    """
    input_size(steps)
    return _inserted(steps, ('GetBBoxCenterScale',), {'type': 'RandomFlip', 'prob': 1.0, 'direction': 'horizontal'})


def _inserted(steps: Steps, after: Sequence[str], step: dict[str, Any]) -> list[dict[str, Any]]:
    place = max(index for index, name in enumerate(_names(steps)) if name in after) + 1
    return [*steps[:place], step, *steps[place:]]


def _names(steps: Steps) -> list[str]:
    kinds = [step.get('type') for step in steps]
    return [kind.__name__ if isinstance(kind, type) else str(kind).rpartition('.')[2] for kind in kinds]
