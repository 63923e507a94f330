"""Let a mirrored picture lie in memory as others do."""

from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ContiguousImage(BaseTransform):
    """Put behind ``RandomFlip``, which gives a picture that is read backwards.

    OpenCV cannot read backwards, so ``TopdownAffine`` would have it copied pixel by pixel, which takes longer than the
    crop itself. Modified key: ``img``, the same values.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Mirror it once more, and back with OpenCV."""
        image = results['img']
        if isinstance(image, np.ndarray) and image.strides[1] < 0:
            results['img'] = cv2.flip(image[:, ::-1], 1)
        return results
