"""Body parts of rendered people, in the pixels of their crops."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from posescope.data.body_parts import BODY_PARTS, PEOPLE_STRIDE, part_map_path, read_part_map
from posescope.errors import InputError
from posescope.explain.crops import Crops

__all__ = ['person_parts']


def person_parts(crops: Crops) -> NDArray[np.uint8]:
    """Tell which part of the crop's own person each pixel shows.

    Args:
        crops: P rendered people, as :meth:`posescope.explain.pose_function.PoseFunction.batch` gives them.

    Returns:
        (P, H, W) codes of :data:`posescope.data.body_parts.BODY_PARTS`; 0 where nothing of this person is seen.

    Raises:
        InputError: Somebody is not rendered, or their part map is missing.
    """
    width, height = crops.input_size
    found = np.zeros((len(crops), height, width), np.uint8)
    for person, sample in enumerate(crops.samples):
        code = read_part_map(part_map_path(_path(sample, person)))
        first = _index(sample, person) * PEOPLE_STRIDE
        own = (code > first) & (code <= first + max(BODY_PARTS.values()))
        parts = np.where(own, code - first, 0).astype(np.uint8)
        # Nearest: codes are names, between which there is nothing.
        found[person] = cv2.warpAffine(
            parts, crops.to_image[person], (width, height), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        )
    return found


def _path(sample: Any, person: int) -> str:
    path = sample.metainfo.get('img_path')
    if not path:
        raise InputError(f'person {person} has no img_path, beside which its part map would lie')
    return str(path)


def _index(sample: Any, person: int) -> int:
    annotation = sample.metainfo.get('raw_ann_info')
    rendered = annotation.get('rendered') if isinstance(annotation, dict) else None
    if not isinstance(rendered, dict) or 'person_index' not in rendered:
        raise InputError(
            f'person {person} ({_path(sample, person)}) has no "rendered" with a person_index: only rendered people '
            'have part maps (data/rendered_people, or what tools/render_people.py writes)'
        )
    return int(rendered['person_index'])
