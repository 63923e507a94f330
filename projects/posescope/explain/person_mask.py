"""Which pixels of a crop show its person, as far as somebody has told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from torch import Tensor

from posescope.data.body_parts import part_map_path, part_pixels, read_part_map
from posescope.errors import InputError
from posescope.explain.crops import Crops

__all__ = ['NO_MASK', 'PersonMask', 'labelled_mask']

NO_MASK = 'no mask of the person'


@dataclass(frozen=True)
class PersonMask:
    """A mask, or why there is none.

    Attributes:
        pixels: (H, W) bool, pixels of the input; None without a mask.
        source: ``'segmentation'``, ``'part map'`` or what a picture of the mask is called; None without one.
        missing: Why there is none; None with one.
    """

    pixels: NDArray[np.bool_] | None = None
    source: str | None = None
    missing: str | None = NO_MASK

    @classmethod
    def of_picture(cls, pixels: NDArray[np.bool_], source: str, crops: Crops, person: int) -> 'PersonMask':
        """Cut a mask as the person's crop was cut.

        Args:
            pixels: (h, w) bool, pixels of the picture.
            source: Where it comes from.
            crops: People.
            person: Which of them.

        Returns:
            The mask, or none where it does not fit the picture, or shows nothing in the crop.
        """
        height, width = crops.samples[person].metainfo['ori_shape'][:2]
        if pixels.shape != (height, width):
            size = f'{pixels.shape[1]} × {pixels.shape[0]}'
            return cls(missing=f'{source} is of {size} pixels, the picture of {width} × {height}')
        cut = cv2.warpAffine(
            pixels.astype(np.uint8),
            crops.to_image[person],
            crops.input_size,
            flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        ).astype(bool)
        if not cut.any():
            return cls(missing=f'{source} shows nothing of the person in the crop')
        return cls(cut, source, None)

    @property
    def of_one(self) -> Tensor | None:
        """(1, H, W) bool, as indices of one person's maps take it; None without a mask."""
        return None if self.pixels is None else torch.from_numpy(self.pixels)[None]

    def content(self) -> dict[str, Any]:
        """Source, share of the crop, and why there is none, as what JSON can hold."""
        share = None if self.pixels is None else float(self.pixels.mean())
        return {'source': self.source, 'share_of_crop': share, 'missing': self.missing}


def labelled_mask(crops: Crops, person: int) -> PersonMask:
    """Take a person's mask from what a data set tells: COCO's ``segmentation``, or a rendered picture's part map.

    Args:
        crops: People.
        person: Which of them.

    Returns:
        The mask; none where nothing is told, or it cannot be read.
    """
    meta = crops.samples[person].metainfo
    annotation = meta.get('raw_ann_info')
    if not isinstance(annotation, Mapping):
        return PersonMask()
    try:
        if annotation.get('segmentation'):
            source, pixels = 'segmentation', _decoded(annotation['segmentation'], *meta['ori_shape'][:2])
        elif isinstance(annotation.get('rendered'), Mapping) and meta.get('img_path'):
            source = 'part map'
            part_map = read_part_map(part_map_path(meta['img_path']))
            pixels = part_pixels(part_map, int(annotation['rendered']['person_index']))
        else:
            return PersonMask()
    except InputError as error:
        return PersonMask(missing=str(error))
    return PersonMask.of_picture(pixels, source, crops, person)


def _decoded(segmentation: Any, height: int, width: int) -> NDArray[np.bool_]:
    """(h, w) of polygons or run lengths, compressed or not.

    Raises:
        InputError: It is neither.
    """
    try:
        if isinstance(segmentation, Mapping) and isinstance(segmentation['counts'], str | bytes):
            encoded: Any = dict(segmentation)
        else:
            runs = coco_mask.frPyObjects(segmentation, height, width)
            encoded = coco_mask.merge(runs) if isinstance(runs, list) else runs
        return np.asarray(coco_mask.decode(encoded)).astype(bool)
    except Exception as error:  # pycocotools raises bare ones
        raise InputError(f'segmentation is neither polygons nor run lengths of COCO ({error})') from None
