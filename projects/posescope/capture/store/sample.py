"""What the store knows about one row: whose activations they are and where their crop lies in the image."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ['Key', 'Sample', 'order']

Key = tuple[int | str, int | str | None]
"""Image id and annotation id; the latter is None where a row is a whole image."""


def _nobody() -> NDArray[np.float64]:
    return np.empty((0, 2))


def _nothing() -> NDArray[np.float64]:
    return np.empty(0)


@dataclass(frozen=True)
class Sample:
    """One person, or one image for a bottom-up model.

    Attributes:
        image_id: Of the data set.
        ann_id: Annotation or detection; None if the row is a whole image.
        bbox: (4,) x1, y1, x2, y2 in image pixels.
        bbox_score: Of the detector; 1 for a labelled box.
        input_center: (2,) x, y, image pixels: the middle of the part of the image that the model saw.
        input_scale: (2,) width and height of that part, image pixels.
        input_size: (2,) width and height of the model's input.
        rotation: Of that part, degrees, as MMPose's ``bbox_rotation``.
        udp: Whether the crop was cut by MMPose's unbiased transform (``TopdownAffine(use_udp=True)``).
        keypoints: (K, 2) predicted, image pixels; NaN where nothing was predicted.
        scores: (K,) of the predicted keypoints.
        passes: What the model saw, in order: ``plain``, and ``mirrored`` under ``flip_test``.
        image_path: File of the picture.
    """

    image_id: int | str
    ann_id: int | str | None
    bbox: NDArray[np.floating]
    bbox_score: float
    input_center: NDArray[np.floating]
    input_scale: NDArray[np.floating]
    input_size: NDArray[np.number]
    rotation: float = 0.0
    udp: bool = False
    keypoints: NDArray[np.floating] = field(default_factory=_nobody)
    scores: NDArray[np.floating] = field(default_factory=_nothing)
    passes: tuple[str, ...] = ('plain',)
    image_path: str = ''

    @property
    def key(self) -> Key:
        """What makes it unique in a store."""
        return plain(self.image_id), None if self.ann_id is None else plain(self.ann_id)


def plain(identity: int | str) -> int | str:
    """Make numpy's integers and strings Python's, so that they compare, hash and print like those that were typed."""
    return str(identity) if isinstance(identity, str) else int(identity)


def order(key: Key) -> tuple[tuple[bool, int | str], tuple[int, int | str]]:
    """Sort rows by image, then annotation: numbers before strings, a whole image before its people."""
    image_id, ann_id = key
    second: tuple[int, int | str] = (0, 0) if ann_id is None else (1 + isinstance(ann_id, str), ann_id)
    return (isinstance(image_id, str), image_id), second
