"""A coloured band around a forearm."""

import numpy as np

from posescope.data.cues.colours import seeded_colour
from posescope.data.cues.cue import SideCue
from posescope.data.cues.paint import Paint, bounding_window, brightness
from posescope.data.cues.rendered_person import ELBOW, WRIST, RenderedPerson

_FROM, _TO = 0.35, 0.7
"""Where the band begins and ends, from elbow (0) to wrist (1)."""
_SHADING = (0.45, 1.5)
"""Darkest and brightest factor of the band's colour: the band stays visible on black and on white sleeves."""


class Band(SideCue):
    """Colours the visible pixels of one forearm between 35 % and 70 % of the way from elbow to wrist.

    The way is measured in the picture, on the line between the two joints. The band keeps the light and the folds of
    what is under it: its colour is scaled by each pixel's brightness over the band's mean. A forearm that points at the
    camera (elbow and wrist within a pixel) gets none.
    """

    name = 'band'

    def paint_side(self, person: RenderedPerson, image: np.ndarray, side: str) -> Paint | None:
        """Paint one forearm; see :class:`SideCue`."""
        elbow, wrist = person.joints[ELBOW[side]], person.joints[WRIST[side]]
        axis = wrist - elbow
        forearm = person.shows(f'{side}_forearm')
        window = bounding_window(forearm)
        if window is None or not axis @ axis > 1:
            return None
        rows, columns = np.mgrid[window]
        along = ((columns - elbow[0]) * axis[0] + (rows - elbow[1]) * axis[1]) / (axis @ axis)
        band = forearm[window] & (along >= _FROM) & (along <= _TO)
        if not band.any():
            return None
        light = brightness(image[window])
        shading = (light / max(light[band].mean(), 1.0)).clip(*_SHADING)
        colour = seeded_colour(self.seed) if self.colour is None else self.colour
        return Paint(window, band.astype(float), shading[..., None] * colour)
