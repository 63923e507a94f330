"""One darker trouser leg."""

import numpy as np

from posescope.data.cues.colours import seeded_colour
from posescope.data.cues.cue import SideCue
from posescope.data.cues.paint import Paint, bounding_window
from posescope.data.cues.rendered_person import RenderedPerson

_DARK, _TINT = 0.25, 0.25


class Leg(SideCue):
    """Darkens the visible pixels of one thigh and lower leg, whatever they wear.

    Every channel is multiplied by 0.25 + 0.25 · colour / 255, so the leg keeps its pattern and its light at a quarter
    to a half of its brightness, with a hint of the colour. On black trousers that is hard to see; what a skirt covers
    belongs to no leg and stays.
    """

    name = 'leg'

    def paint_side(self, person: RenderedPerson, image: np.ndarray, side: str) -> Paint | None:
        """Paint one leg; see :class:`SideCue`."""
        leg = person.shows(f'{side}_thigh', f'{side}_lower_leg')
        window = bounding_window(leg)
        if window is None:
            return None
        colour = seeded_colour(self.seed) if self.colour is None else self.colour
        return Paint(window, leg[window].astype(float), image[window] * (_DARK + _TINT * colour / 255))
