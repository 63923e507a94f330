"""Shift, scale and turn the box of a person, uniformly."""

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class UniformBBoxTransform(BaseTransform):
    """What MMPose's ``RandomBBoxTransform`` does, drawn uniformly; a fifteenth of the time.

    Required keys: ``bbox_center``, ``bbox_scale``. Modified: these two and ``bbox_rotation``.

    Args:
        shift_factor: Greatest shift as a share of the box's width and height.
        scale_range: Least and greatest factor of the box's width and height.
        rotate_factor: Greatest turn, degrees, either way.
        rotate_prob: Probability that the box is turned at all.
    """

    def __init__(
        self,
        shift_factor: float = 0.06,
        scale_range: tuple[float, float] = (0.8, 1.2),
        rotate_factor: float = 20.0,
        rotate_prob: float = 0.7,
    ) -> None:
        self.shift_factor = shift_factor
        self.scale_range = scale_range
        self.rotate_factor = rotate_factor
        self.rotate_prob = rotate_prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Change the box.

        Args:
            results: Sample with ``bbox_center`` and ``bbox_scale``, both (N, 2), pixels.

        Returns:
            The same sample; ``bbox_rotation`` is (N,), degrees.
        """
        size = results['bbox_scale'].shape
        # MMPose's transforms draw from this generator, which is seeded for every sample.
        random = np.random
        shift = random.uniform(-self.shift_factor, self.shift_factor, size)
        scale = random.uniform(*self.scale_range, size[:1])
        rotation = random.uniform(-self.rotate_factor, self.rotate_factor, size[:1])
        turned = random.random(size[:1]) < self.rotate_prob
        results['bbox_center'] = (results['bbox_center'] + shift * results['bbox_scale']).astype(np.float32)
        results['bbox_scale'] = (results['bbox_scale'] * scale[:, None]).astype(np.float32)
        results['bbox_rotation'] = np.where(turned, rotation, 0.0).astype(np.float32)
        return results
