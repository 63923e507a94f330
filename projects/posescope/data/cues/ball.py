"""A ball near one hand."""

import numpy as np

from posescope.data.body_parts import BACKGROUND, PEOPLE_STRIDE
from posescope.data.cues.colours import seeded_colour
from posescope.data.cues.cue import SideCue
from posescope.data.cues.paint import Paint
from posescope.data.cues.rendered_person import ELBOW, WRIST, RenderedPerson

_RADIUS = 0.065
"""As a share of the body's height: a basketball's, on an adult."""
_GAP = 0.03
"""Least distance of the ball from the wrist, as a share of the body's height; a hand is 0.108 long."""
_LIGHT = np.array([-0.4, -0.7, 0.6]) / np.linalg.norm([-0.4, -0.7, 0.6])
"""Direction to the light: right, down, to the viewer. From above, a little to the left."""
_AMBIENT = 0.35


class Ball(SideCue):
    """Draws a shaded ball beyond one wrist, in the direction of the forearm, without ever covering that wrist.

    The radius is 0.065 of the body's height, the ball begins 0.03 of it (at least 1.5 pixels) beyond the wrist. It is
    drawn over the background and over the person itself, but neither over an object in front nor over other people,
    whichever of them is nearer. A forearm that points at the camera counts as hanging down. No ball is smaller than a
    pixel.
    """

    name = 'ball'

    def paint_side(self, person: RenderedPerson, image: np.ndarray, side: str) -> Paint | None:
        """Paint a ball beyond one wrist; see :class:`SideCue`."""
        elbow, wrist = person.joints[ELBOW[side]], person.joints[WRIST[side]]
        axis = wrist - elbow
        length = float(np.hypot(*axis))
        direction = axis / length if length > 1 else np.array([0.0, 1.0])
        radius = _RADIUS * person.height
        if radius < 1:
            return None
        x, y = wrist + (radius + max(_GAP * person.height, 1.5)) * direction
        height, width = person.part_map.shape
        window = (_within(y, radius, height), _within(x, radius, width))
        rows, columns = np.mgrid[window]
        free = person.part_map[window]
        free = (free == BACKGROUND) | (free // PEOPLE_STRIDE == person.index)
        right, down = (columns - x) / radius, (rows - y) / radius
        # The last pixel of the rim is covered in part, as a renderer's would be.
        cover = free * ((1 - np.hypot(right, down)) * radius + 0.5).clip(0, 1)
        if not cover.any():
            return None
        outwards = np.sqrt((1 - right**2 - down**2).clip(0))
        light = np.stack([right, down, outwards], -1) @ _LIGHT
        colour = seeded_colour(self.seed) if self.colour is None else self.colour
        return Paint(window, cover, (_AMBIENT + (1 - _AMBIENT) * light.clip(0, 1))[..., None] * colour)


def _within(centre: float, radius: float, size: int) -> slice:
    """Return the pixels of [0, size) within ``radius`` of ``centre``, with a pixel to spare; it may be empty."""
    start = min(max(int(np.floor(centre - radius)) - 1, 0), size)
    return slice(start, min(max(int(np.ceil(centre + radius)) + 2, start), size))
