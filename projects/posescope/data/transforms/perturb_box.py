"""Move, resize and turn the box of a person by a stated amount."""

import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS
from numpy.typing import NDArray

from posescope.errors import InputError

__all__ = ['BOX_LIMITS', 'PerturbBox']

BOX_LIMITS = {'shift': (0.0, 2.0), 'scale': (-0.9, 9.0), 'rotation': (-180.0, 180.0), 'pixels': (0.0, 64.0)}
"""What can be done to a box -> least and greatest amount."""


@TRANSFORMS.register_module()
class PerturbBox(BaseTransform):
    """Shift, resize and turn what the model sees of a person; stands right after ``GetBBoxCenterScale``.

    The crop changes and the labels with it, so they stay right. (MMPose's estimators do not turn predictions back into
    the picture: see :func:`posescope.evaluation.sensitivity.tester.turn_back`.) Amounts of 0 leave the box alone to the
    bit. Each person's direction is the same in every run and process and for every amount.

    Required Keys:

        - bbox_center
        - bbox_scale
        - img_id
        - id

    Modified Keys:

        - bbox_center
        - bbox_scale
        - bbox_rotation

    Args:
        shift: How far, as a share of the padded box's width (sideways) and height (up and down), as in MMPose's
            ``RandomBBoxTransform``.
        scale: By what share the box becomes wider and higher; negative for smaller.
        rotation: Degrees by which the crop is turned, in the sense of MMPose's ``bbox_rotation``: ``TopdownAffine``
            turns the other way with ``use_udp=True`` than without.
        pixels: How far, in pixels of the model's input; needs ``input_size``.
        direction: Where to shift: degrees from the right over below; None draws one for each person.
        input_size: Width and height of the model's input.
        seed: Of the directions.
        use_udp: As ``TopdownAffine`` has it, which matters to ``pixels``: a box reaches over w pixels of an input of
            width w, with ``use_udp=True`` from the centre of the first to that of the last, over w - 1.

    Raises:
        InputError: An amount is out of its range, or ``pixels`` comes without ``input_size``.
    """

    def __init__(
        self,
        shift: float = 0.0,
        scale: float = 0.0,
        rotation: float = 0.0,
        pixels: float = 0.0,
        direction: float | None = None,
        input_size: Sequence[int] | None = None,
        seed: int = 0,
        use_udp: bool = False,
    ) -> None:
        for name, amount in (('shift', shift), ('scale', scale), ('rotation', rotation), ('pixels', pixels)):
            low, high = BOX_LIMITS[name]
            if not low <= amount <= high:
                raise InputError(f'PerturbBox({name}=…) has to be in {low:g} to {high:g}, not {amount:g}')
        if pixels and input_size is None:
            raise InputError('PerturbBox(pixels=…) needs input_size=(width, height) of the model')
        self.shift, self.scale, self.rotation, self.pixels = shift, scale, rotation, pixels
        self.direction, self.input_size, self.seed, self.use_udp = direction, input_size, seed, use_udp

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Change ``bbox_center`` and ``bbox_scale``, (1, 2) image pixels, and set ``bbox_rotation``, (1,) degrees."""
        size = results['bbox_scale']
        if self.shift or self.pixels:
            offset = self.shift * size + self.pixels * self._pixel(size * (1 + self.scale))
            results['bbox_center'] = (results['bbox_center'] + offset * self._towards(results)).astype(np.float32)
        if self.scale:
            results['bbox_scale'] = (size * (1 + self.scale)).astype(np.float32)
        if self.rotation:
            before = results.get('bbox_rotation', np.zeros(len(size), np.float32))
            results['bbox_rotation'] = (before + self.rotation).astype(np.float32)
        return results

    def _towards(self, results: dict[str, Any]) -> NDArray[np.float64]:
        """Return the unit vector, (2,), along which a person's box is shifted."""
        if self.direction is None:
            identity = zlib.crc32(f'{results["img_id"]} {results["id"]}'.encode())
            angle = np.random.default_rng([self.seed, identity]).uniform(0, 2 * math.pi)
        else:
            angle = math.radians(self.direction)
        return np.array([math.cos(angle), math.sin(angle)])

    def _pixel(self, size: NDArray[Any]) -> NDArray[Any]:
        """Size of an input pixel, (N, 2) image pixels, as ``TopdownAffine`` makes boxes fit the input."""
        if self.input_size is None:
            return np.zeros_like(size)
        pixels = np.array(self.input_size)
        return (size / pixels).max(1, keepdims=True) * (pixels / (pixels - self.use_udp))

    def __repr__(self) -> str:
        amounts = ', '.join(f'{name}={getattr(self, name)}' for name in BOX_LIMITS if getattr(self, name))
        return f'PerturbBox({amounts}, seed={self.seed})'
