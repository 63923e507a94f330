"""A sign in the background whose colour and arrow tell the heading."""

import functools

import cv2
import numpy as np

from posescope.data.body_parts import BACKGROUND
from posescope.data.cues.chance import fraction
from posescope.data.cues.colours import hue_colour
from posescope.data.cues.crop import crop_window
from posescope.data.cues.cue import HeadingCue
from posescope.data.cues.paint import Paint
from posescope.data.cues.rendered_person import SECTORS, RenderedPerson

_SIZES = (0.16, 0.12, 0.08)
"""Sides of the square sign as shares of the crop's height, tried in this order."""
_SMALLEST = 6
"""Pixels; on less nothing could be read."""
_DRAWN = 64


class Sign(HeadingCue):
    """Puts a square sign on free background near the person; colour and arrow name the sector.

    The colours of the eight sectors are 45° of hue apart, turned by the seed; given a colour, all signs have that one.
    The arrow points 45° further with every sector (0: down, towards the viewer; 2: to the picture's right). The place
    is drawn, by seed and annotation, from all places within the person's crop where a sign touches nobody and no
    object in front. It is the same for every sector. Where not even a sign of 0.08 of the crop's height fits there is
    none.
    """

    name = 'sign'

    def paint_sector(self, person: RenderedPerson, image: np.ndarray, sector: int) -> Paint | None:
        """Paint the sign of a sector; see :class:`HeadingCue`."""
        place = self._place(person)
        if place is None:
            return None
        top, left, side = place
        colour = hue_colour(sector / SECTORS + fraction(self.seed, 'hue')) if self.colour is None else self.colour
        sign = cv2.resize(_drawn_sign(sector, tuple(colour)), (side, side), interpolation=cv2.INTER_AREA)
        window = (slice(top, top + side), slice(left, left + side))
        return Paint(window, np.ones((side, side)), sign)

    def _place(self, person: RenderedPerson) -> tuple[int, int, int] | None:
        """Return the sign's top, left and side in pixels."""
        rows, columns, crop_height = crop_window(person.box, person.part_map.shape)
        taken = cv2.integral((person.part_map[rows, columns] != BACKGROUND).astype(np.uint8))
        for size in _SIZES:
            side = max(round(size * crop_height), _SMALLEST)
            if side >= min(taken.shape):
                continue
            inside = taken[side:, side:] - taken[:-side, side:] - taken[side:, :-side] + taken[:-side, :-side]
            places = np.flatnonzero(inside == 0)
            if len(places):
                place = places[int(fraction(self.seed, person.annotation_id, 'place') * len(places))]
                top, left = divmod(int(place), inside.shape[1])
                return rows.start + top, columns.start + left, side
        return None


@functools.lru_cache(maxsize=4 * SECTORS)
def _drawn_sign(sector: int, colour: tuple[float, float, float]) -> np.ndarray:
    """Draw a sign of 64 x 64 pixels: a panel with a white arrow and a dark frame; (64, 64, 3) uint8."""
    sign = np.full((_DRAWN, _DRAWN, 3), np.rint(colour), dtype=np.uint8)
    angle = 2 * np.pi * sector / SECTORS
    tip = 0.32 * _DRAWN * np.array([np.sin(angle), np.cos(angle)])
    start, end = (tuple(int(v) for v in np.rint(_DRAWN / 2 + sign_of * tip)) for sign_of in (-1, 1))
    cv2.arrowedLine(sign, start, end, (255, 255, 255), _DRAWN // 9, cv2.LINE_AA, tipLength=0.5)
    cv2.rectangle(sign, (0, 0), (_DRAWN - 1, _DRAWN - 1), (30, 30, 30), _DRAWN // 10)
    return sign
