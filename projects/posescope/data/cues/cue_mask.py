"""Where a cue was planted: the answer that tools are scored against.

WARNING: only the scorer reads this. Whatever explains a model or finds a cue must work without it, or its score means
nothing; findings have to come out the same, byte for byte, with this module and the part maps deleted.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from posescope.data.cues.cue import Told
from posescope.data.cues.planter import CuePlanter


def cue_mask(
    planter: CuePlanter,
    image: np.ndarray,
    part_map: np.ndarray,
    annotation: Mapping[str, Any],
    told: Told | None = None,
) -> np.ndarray:
    """Mark the pixels that a cue paints.

    Args:
        planter: What plants the cue.
        image: (H, W, 3) uint8, blue green red, without the cue.
        part_map: (H, W) uint8 of the same picture.
        annotation: COCO annotation of the person, with the object ``rendered``.
        told: The twin that says this; None for what the planter plants.

    Returns:
        (H, W) bool, image pixels.
    """
    mask = np.zeros(part_map.shape, bool)
    for paint in planter.paints(image, part_map, annotation, told):
        mask[paint.window] |= paint.cover > 0
    return mask
