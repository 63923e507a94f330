"""Cut people out of any picture by a config's own test pipeline."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from numpy.typing import ArrayLike, NDArray

from posescope.errors import InputError

__all__ = ['PersonCutter', 'checked_boxes', 'checked_picture']

_NEEDED = ('LoadImage', 'GetBBoxCenterScale', 'TopdownAffine', 'PackPoseInputs')
_LEFT_OUT = ('PlantCue', 'KeypointConverter')
"""Steps that read more of a data set than the picture and the box."""


class PersonCutter:
    """Runs a test pipeline on a picture in memory and boxes.

    Args:
        pipeline: Configs of the test pipeline's transforms; a cue that is planted in them is left out.
        metainfo: Parsed metainfo of MMPose, which transforms may read.

    Attributes:
        udp: Whether it cuts crops as UDP does.

    Raises:
        InputError: The pipeline is not that of a top-down model.
    """

    def __init__(self, pipeline: list[dict[str, Any]], metainfo: Mapping[str, Any]) -> None:
        names = [_name(step) for step in pipeline]
        missing = [name for name in _NEEDED if name not in names]
        if missing:
            raise InputError(
                f'explain needs the test pipeline of a top-down model, with {", ".join(_NEEDED)}; this one lacks '
                f'{", ".join(missing)}: {", ".join(names)}'
            )
        kept = [
            {key: value for key, value in step.items() if key != 'pack_transformed'}  # there are no labels to pack
            for step, name in zip(pipeline, names, strict=True)
            if name not in _LEFT_OUT
        ]
        with DefaultScope.overwrite_default_scope('mmpose'):
            self._steps = Compose(kept)
        self._metainfo = dict(metainfo)
        self.udp = bool(pipeline[names.index('TopdownAffine')].get('use_udp', False))

    def cut(self, image: NDArray[np.uint8], boxes: ArrayLike | None = None) -> list[dict[str, Any]]:
        """Cut people out.

        Args:
            image: (H, W, 3) uint8 BGR.
            boxes: (P, 4) left, top, right and bottom, pixels; None for the whole picture.

        Returns:
            What MMPose packs for each: ``inputs`` (3, h, w) uint8 and ``data_samples``.

        Raises:
            InputError: The array is no such picture, or a box is not on it.
        """
        checked_picture(image)
        height, width = image.shape[:2]
        boxes = checked_boxes([[0, 0, width, height]] if boxes is None else boxes, (width, height))
        packed = []
        for box in boxes:
            sample = {
                'img': image,
                'bbox': box[None],
                'bbox_score': np.ones(1, np.float32),
                **self._metainfo,
            }
            packed.append(self._steps(sample))
        return packed


def checked_picture(image: Any) -> None:
    """Refuse what is not a picture as MMPose loads it.

    Raises:
        InputError: With what it is instead.
    """
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3:
        if image.size:
            return
        raise InputError(f'the picture is empty: {image.shape[1]} × {image.shape[0]} pixels')
    what = f'an array {image.shape} of {image.dtype}' if isinstance(image, np.ndarray) else type(image).__name__
    raise InputError(
        f'a picture has to be an array (H, W, 3) of uint8, blue first, not {what}; read_picture(path) gives one from '
        'grey, four-channel, 16-bit and turned files as well'
    )


def checked_boxes(boxes: ArrayLike, size: tuple[int, int]) -> NDArray[np.float32]:
    """Refuse boxes that are not on the picture, and cut those that reach beyond it, as MMPose's data sets do.

    Args:
        boxes: (P, 4) left, top, right and bottom.
        size: Width and height of the picture.

    Returns:
        (P, 4), right and bottom at most at the last pixel's centre, unless that leaves nothing.

    Raises:
        InputError: Naming the first box that is wrong.
    """
    found = np.asarray(boxes, np.float64)
    if found.ndim != 2 or found.shape[1] != 4 or not len(found):
        raise InputError(f'boxes have to be (P, 4), left, top, right and bottom of one or more, not {found.shape}')
    limits = np.array(size * 2, np.float64)
    for number, box in enumerate(found, 1):
        shown = ', '.join(f'{value:g}' for value in box)
        if not np.isfinite(box).all() or (box[2:] <= box[:2]).any():
            raise InputError(f'box {number} ({shown}) has no area: it takes left < right and top < bottom')
        inner = box.clip(0, limits)
        if (inner[2:] <= inner[:2]).any():
            raise InputError(f'box {number} ({shown}) lies outside the picture of {size[0]} × {size[1]} pixels')
    inside = found.clip(0, limits)
    cut = found.clip(0, limits - 1)
    kept = (cut[:, 2:] > cut[:, :2]).all(1, keepdims=True)
    return np.where(kept, cut, inside).astype(np.float32)


def _name(step: Mapping[str, Any]) -> str:
    kind = step.get('type')
    return kind.__name__ if isinstance(kind, type) else str(kind).rpartition('.')[2]
