"""Plants a cue: decides what it says of a person, and paints it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from posescope.data.cues.ball import Ball
from posescope.data.cues.band import Band
from posescope.data.cues.colours import typed_colour
from posescope.data.cues.cue import Cue, Told
from posescope.data.cues.leg import Leg
from posescope.data.cues.paint import Paint, painted
from posescope.data.cues.rendered_person import RenderedPerson, true_sector
from posescope.data.cues.sign import Sign
from posescope.data.cues.texture import Texture
from posescope.errors import InputError, nearest

CUES: dict[str, type[Cue]] = {cue.name: cue for cue in (Band, Leg, Ball, Sign, Texture)}


class CuePlanter:
    """Plants one kind of cue on people of rendered pictures.

    What the cue says of a person depends on the seed and the annotation's id alone: the same person looks the same in
    every epoch, process and order.

    Args:
        cue: ``'band'``, ``'leg'``, ``'ball'`` (these tell left from right), ``'sign'``, ``'texture'`` (the heading).
        side: For the first three, ``'left'`` (default), ``'right'``, ``'both'``, ``'none'`` or ``'random'``.
        sector: For the last two, ``'heading'`` (default), ``'random'``, ``'none'`` or a number from 0 to 7.
        strength: P(left | cue) with side ``'left'``, P(right | cue) with ``'right'``, P(named = true sector) with
            sector ``'heading'``; without effect on other choices.
        colour: Red, green, blue, 0 to 255; None chooses one by the seed.
        seed: Of colour, sides, places.

    Raises:
        InputError: For a cue, side, sector, strength, colour or seed that does not exist.
    """

    def __init__(
        self,
        cue: str = 'band',
        side: str | None = None,
        sector: str | int | None = None,
        strength: float = 1.0,
        colour: Sequence[float] | None = None,
        seed: int = 0,
    ) -> None:
        if cue not in CUES:
            raise InputError(f'unknown cue {cue!r}; nearest first: {nearest(str(cue), CUES, len(CUES))}')
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise InputError(f"seed={seed!r} of cue '{cue}' has to be a whole number")
        if isinstance(strength, bool) or not isinstance(strength, int | float) or not 0 <= strength <= 1:
            raise InputError(f"strength={strength!r} of cue '{cue}' has to be a probability, from 0 to 1")
        kind = CUES[cue]
        self.setting = _setting(kind, {'side': side, 'sector': sector})
        self.strength = float(strength)
        self.cue = kind(None if colour is None else typed_colour(colour), seed)

    def told(self, annotation: Mapping[str, Any]) -> Told:
        """Return what the cue says of a person: ``'left'``, ``'right'``, ``'both'``, ``'none'`` or a sector.

        Args:
            annotation: COCO annotation with the object ``rendered``.

        Raises:
            InputError: If the annotation is not the renderer's.
        """
        sector = true_sector(annotation)
        return self.cue.tell(annotation['id'], sector, self.setting, self.strength)

    def plant(self, image: np.ndarray, part_map: np.ndarray, annotation: Mapping[str, Any]) -> np.ndarray:
        """Return a copy of a picture with the cue on one person.

        Args:
            image: (H, W, 3) uint8, blue green red.
            part_map: (H, W) uint8 of the same picture.
            annotation: COCO annotation of the person, with the object ``rendered``.

        Returns:
            (H, W, 3) uint8.

        Raises:
            InputError: If the annotation is not the renderer's, or the part map is another picture's.
        """
        return painted(image, self.paints(image, part_map, annotation, None))

    def twins(self, image: np.ndarray, part_map: np.ndarray, annotation: Mapping[str, Any]) -> dict[Told, np.ndarray]:
        """Return the picture with everything that the cue can say of the person.

        The pictures are the same bit for bit but for the cue's own pixels.

        Args:
            image: (H, W, 3) uint8, blue green red.
            part_map: (H, W) uint8 of the same picture.
            annotation: COCO annotation of the person, with the object ``rendered``.

        Returns:
            Pictures (H, W, 3) uint8 by what is said: ``'none'``, ``'left'``, ``'right'``, ``'both'``, or ``'none'``, 0,
            … 7.
        """
        return {told: painted(image, self.paints(image, part_map, annotation, told)) for told in self.cue.twins}

    def paints(
        self, image: np.ndarray, part_map: np.ndarray, annotation: Mapping[str, Any], told: Told | None
    ) -> list[Paint]:
        """Return the paint of :meth:`plant`, or of the twin that says ``told``."""
        if image.dtype != np.uint8 or image.shape != (*part_map.shape, 3):
            raise InputError(
                f'a cue needs a colour picture of the size of its part map, {part_map.shape}, not {image.shape} '
                f'{image.dtype}: plant it right after the picture was loaded'
            )
        person = RenderedPerson.of(annotation, part_map)
        return self.cue.paint(person, image, self.told(annotation) if told is None else told)


def _setting(cue: type[Cue], typed: dict[str, Any]) -> Told:
    """Check what a config says about side and sector."""
    value = typed.pop(cue.setting)
    other, misplaced = typed.popitem()
    if misplaced is not None:
        raise InputError(
            f"{other}={misplaced!r}: cue '{cue.name}' takes {cue.setting}, not {other} "
            f'({", ".join(map(str, cue.choices))})'
        )
    if value is None:
        return cue.choices[0]
    if isinstance(value, bool) or not isinstance(value, str | int) or value not in cue.choices:
        known = nearest(str(value), map(str, cue.choices), len(cue.choices))
        raise InputError(f"{cue.setting}={value!r} of cue '{cue.name}' is unknown; nearest first: {known}")
    return value
