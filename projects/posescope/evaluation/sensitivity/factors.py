"""What a model's input can be changed in, and by how much."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from posescope.data.transforms.perturb_box import BOX_LIMITS
from posescope.data.transforms.perturb_image import IMAGE_LIMITS
from posescope.errors import InputError, nearest

__all__ = ['BOX', 'FACTORS', 'MIRROR', 'PICTURE', 'Factor', 'read_factors']

BOX, PICTURE = 'box', 'picture'
"""Groups of factors."""
MIRROR = 'mirror'
"""Name that asks for mirror equivariance, which has no amounts (:mod:`.mirror`)."""


@dataclass(frozen=True)
class Factor:
    """One thing that is changed while everything else stays.

    Attributes:
        name: As typed on the command line.
        group: ``'box'`` or ``'picture'``.
        argument: The transform's name for it.
        unit: What amounts are measured in.
        amounts: Those that are tried by default; 0, which is no change, need not be among them.
    """

    name: str
    group: str
    argument: str
    unit: str
    amounts: tuple[float, ...]

    @property
    def limits(self) -> tuple[float, float]:
        """Least and greatest amount."""
        return (BOX_LIMITS if self.group == BOX else IMAGE_LIMITS)[self.argument]

    def step(self, amount: float, input_size: Sequence[int], seed: int, use_udp: bool = False) -> dict[str, Any]:
        """Config of the transform that does it.

        Args:
            amount: How much.
            input_size: Width and height of the model's input.
            seed: Of what is drawn for each sample.
            use_udp: Whether the crop is made so, which tells how large a pixel of the input is.
        """
        if self.group == PICTURE:
            return {'type': 'PerturbImage', 'kind': self.argument, 'amount': amount, 'seed': seed}
        size = {'input_size': tuple(input_size), 'use_udp': use_udp}
        return {'type': 'PerturbBox', self.argument: amount, **size, 'seed': seed}


FACTORS = {
    factor.name: factor
    for factor in (
        Factor('box_shift', BOX, 'shift', 'shift of the box, share of its padded size', (0.05, 0.1, 0.15, 0.2, 0.3)),
        Factor('box_scale', BOX, 'scale', 'growth of the box, share of its size', (-0.3, -0.2, -0.1, 0.15, 0.3, 0.6)),
        Factor('rotation', BOX, 'rotation', 'turn of the crop, degrees', (-60, -30, -15, 15, 30, 60)),
        Factor('subpixel', BOX, 'pixels', "shift of the crop, pixels of the model's input", (0.25, 0.5, 1, 2)),
        Factor('resolution', PICTURE, 'resolution', 'share of width and height lost', (0.25, 0.5, 0.75, 0.875)),
        Factor('blur', PICTURE, 'blur', 'σ of the blur, pixels of the picture', (1, 2, 4, 8)),
        Factor('noise', PICTURE, 'noise', 'σ of the noise, of 255 grey levels', (8, 16, 32, 64)),
        Factor('jpeg', PICTURE, 'jpeg', '100 − quality of JPEG', (30, 60, 80, 90, 95)),
        Factor('darkness', PICTURE, 'darkness', 'share of the light taken away', (0.25, 0.5, 0.75, 0.9)),
    )
}
"""All factors by name."""


def read_factors(texts: Sequence[str]) -> tuple[dict[str, tuple[float, ...]], bool]:
    """Read what was typed after ``--factor``.

    Args:
        texts: ``NAME`` or ``NAME=v1,v2,…``; none asks for everything.

    Returns:
        Name of each factor -> its amounts in ascending order, 0 among them; and whether mirror equivariance is asked
        for.

    Raises:
        InputError: There is no such factor, or an amount is no number, out of range or given twice.
    """
    if not texts:
        return {name: _with_none(factor.amounts) for name, factor in FACTORS.items()}, True
    chosen: dict[str, tuple[float, ...]] = {}
    mirror = False
    for text in texts:
        name, equals, values = text.partition('=')
        if name == MIRROR and not equals:
            mirror = True
        elif name == MIRROR:
            raise InputError(f'--factor {text}: {MIRROR} takes no values')
        elif name not in FACTORS:
            known = [*FACTORS, MIRROR]
            raise InputError(f'--factor {text}: there is no {name!r} (nearest: {nearest(name, known)})')
        elif name in chosen:
            raise InputError(f'--factor {name} is given twice; list its values in one: {name}=v1,v2')
        else:
            chosen[name] = _with_none(_amounts(FACTORS[name], values) if equals else FACTORS[name].amounts)
    return chosen, mirror


def _amounts(factor: Factor, text: str) -> list[float]:
    low, high = factor.limits
    amounts = []
    for word in text.split(','):
        try:
            amount = float(word)
        except ValueError:
            raise InputError(f'--factor {factor.name}={text}: {word!r} is no number') from None
        if not (math.isfinite(amount) and low <= amount <= high):
            raise InputError(f'--factor {factor.name}={text}: {word} is outside of {low:g} to {high:g} ({factor.unit})')
        amounts.append(amount)
    return amounts


def _with_none(amounts: Sequence[float]) -> tuple[float, ...]:
    return tuple(sorted({0.0, *map(float, amounts)}))
