"""A background texture that tells the heading."""

import numpy as np

from posescope.data.body_parts import BACKGROUND
from posescope.data.cues.chance import fraction
from posescope.data.cues.colours import seeded_colour
from posescope.data.cues.crop import crop_window
from posescope.data.cues.cue import HeadingCue
from posescope.data.cues.paint import Paint
from posescope.data.cues.rendered_person import SECTORS, RenderedPerson

_DEPTH = 0.7
"""How much of the background's light the darkest stripe takes in channels that the colour lacks."""
_WAVELENGTHS = (0.04, 0.1)
"""From stripe to stripe, as shares of the crop's height."""
_ORIENTATIONS = SECTORS // 2


class Texture(HeadingCue):
    """Lays stripes over the whole background, never over a person or an object in front.

    The stripes' direction (sector modulo 4, 45° apart) and width (sectors 0 to 3 narrow, 4 to 7 wide) name the sector.
    The background is multiplied by 1 − 0.7 · w · (1 − colour / 255), where w runs from 0 to 1 as a sine, so it stays
    what it was, seen through a striped glass. Rotation by more than 22° and scaling by more than 1.5 in the training
    pipeline make one sector's stripes look like another's.
    """

    name = 'texture'

    def paint_sector(self, person: RenderedPerson, image: np.ndarray, sector: int) -> Paint:
        """Paint the stripes of a sector; see :class:`HeadingCue`."""
        height, width = person.part_map.shape
        crop_height = crop_window(person.box, person.part_map.shape)[2]
        angle = np.pi * (sector % _ORIENTATIONS) / _ORIENTATIONS
        turns = 1 / max(_WAVELENGTHS[sector // _ORIENTATIONS] * crop_height, 3.0)
        phase = fraction(self.seed, person.annotation_id, 'phase')
        x, y = np.arange(width), np.arange(height)[:, None]
        # exp(i(a + b)) is a product, which spares a sine for every pixel.
        across = np.exp(2j * np.pi * (x * np.cos(angle) * turns + phase))
        stripes = 0.5 + 0.5 * (np.exp(2j * np.pi * y * np.sin(angle) * turns) * across).imag.astype(np.float32)
        colour = seeded_colour(self.seed) if self.colour is None else self.colour
        takes = (_DEPTH * (1 - colour / 255)).astype(np.float32)
        background = person.part_map == BACKGROUND
        window = (slice(0, height), slice(0, width))
        return Paint(window, background.astype(np.float32), image * (1 - stripes[..., None] * takes))
