"""A person of a rendered picture: what a cue has to know of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from posescope.data.body_parts import BODY_PARTS, PEOPLE_STRIDE
from posescope.errors import InputError

SECTORS = 8
"""Sectors of the heading, 45 degrees each; 0 faces the camera, 2 the picture's right side, 4 turns its back."""
ELBOW, WRIST = {'left': 7, 'right': 8}, {'left': 9, 'right': 10}
# Pairs of COCO joints and their distance as a share of the body's height: upper arm, forearm, thigh, shank and shoulder
# width after Drillis and Contini, Body Segment Parameters, 1966.
_SEGMENTS = (
    (5, 7, 0.186), (6, 8, 0.186), (7, 9, 0.146), (8, 10, 0.146), (11, 13, 0.245), (12, 14, 0.245), (13, 15, 0.246),
    (14, 16, 0.246), (5, 6, 0.259),
)  # fmt: skip


@dataclass(frozen=True)
class RenderedPerson:
    """One person of a rendered picture.

    Attributes:
        annotation_id: Id of the annotation.
        index: The person within the part map.
        sector: Of the heading, 0 to ``SECTORS - 1``.
        joints: (17, 2) float, image pixels, also for joints that are hidden or outside.
        box: (4,) float, x, y, width, height in image pixels.
        part_map: (H, W) uint8.
    """

    annotation_id: int
    index: int
    sector: int
    joints: np.ndarray
    box: np.ndarray
    part_map: np.ndarray

    @classmethod
    def of(cls, annotation: Any, part_map: np.ndarray) -> 'RenderedPerson':
        """Read an annotation of the renderer.

        Args:
            annotation: A COCO annotation with the object ``rendered``.
            part_map: (H, W) uint8, of the same picture.

        Raises:
            InputError: If the annotation is not the renderer's.
        """
        sector = true_sector(annotation)
        try:
            index = int(annotation['rendered']['person_index'])
            joints = np.array([joint[:2] for joint in annotation['rendered']['joints']], dtype=float)
            box = np.array(annotation['bbox'], dtype=float).reshape(4)
        except (KeyError, TypeError, ValueError):
            raise InputError(
                f'annotation {annotation["id"]}: a cue needs its bbox, and person_index and joints of its "rendered"'
            ) from None
        if joints.shape != (17, 2) or not np.isfinite(joints).all():
            raise InputError(f'annotation {annotation["id"]}: "rendered" has to hold 17 joints, each x, y in numbers')
        return cls(annotation['id'], index, sector, joints, box, part_map)

    def shows(self, *parts: str) -> np.ndarray:
        """Mark the pixels that show given parts of this person; (H, W) bool.

        One comparison a part takes a tenth of the time of a general membership test.
        """
        codes = [self.index * PEOPLE_STRIDE + BODY_PARTS[part] for part in parts]
        marked = self.part_map == codes[0]
        for code in codes[1:]:
            marked |= self.part_map == code
        return marked

    @property
    def height(self) -> float:
        """How tall the person would appear standing upright, in image pixels, whatever its pose.

        A segment that lies in the picture's plane appears at its full length and no segment appears longer, so the
        segment that appears longest for its length tells the scale.
        """
        return max(float(np.hypot(*(self.joints[a] - self.joints[b]))) / share for a, b, share in _SEGMENTS)


def true_sector(annotation: Any) -> int:
    """Return the sector of the heading that the renderer wrote into an annotation.

    Raises:
        InputError: If the annotation is not the renderer's.
    """
    if isinstance(annotation, list | tuple):
        raise InputError("a cue is planted on one person a sample; data_mode='bottomup' has all of a picture in one")
    known = isinstance(annotation, Mapping) and 'id' in annotation
    if not known or not isinstance(annotation.get('rendered'), Mapping):
        which = f'annotation {annotation["id"]}' if known else 'a sample'
        raise InputError(
            f'{which} has no "rendered" object: cues can be planted on rendered people only (data/rendered_people, or '
            'what tools/render_people.py writes), with their ground-truth boxes'
        )
    sector = annotation['rendered'].get('sector')
    if not isinstance(sector, int) or not 0 <= sector < SECTORS:
        raise InputError(f'annotation {annotation["id"]}: "rendered" has sector {sector!r}, not 0 to {SECTORS - 1}')
    return sector
