"""What lies around each joint."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from posescope.capture.reductions.reduction import Reduction
from posescope.capture.reductions.registry import REDUCTIONS
from posescope.errors import CaptureError, InputError

__all__ = ['JointCrops']


@REDUCTIONS.register_module(name=['JointCrops', 'joint_crops'])
class JointCrops(Reduction):
    """A window around each joint's predicted place, read between cells by bilinear interpolation.

    Its cells are one cell of the map apart; outside the map there are zeros; a joint without a place gives NaN.

    Args:
        size: Rows and columns of the window; 1 gives the features at the joint.
    """

    keeps_grid = False
    needs_places = True

    def __init__(self, size: int = 1) -> None:
        if size < 1:
            raise InputError(f'JointCrops needs size ≥ 1; got size={size}')
        self.size = size

    def apply(self, maps: Tensor, places: Tensor | None = None) -> Tensor:
        """Cut the windows.

        Args:
            maps: (N, C, H, W).
            places: (N, K, 2) row and column of each joint on the map.

        Returns:
            (N, K, C, size, size), float32.
        """
        if maps.ndim != 4:
            raise CaptureError(
                f'JointCrops cuts maps (N, C, H, W), not {tuple(maps.shape)}; choose another layer or reduction'
            )
        if places is None or places.ndim != 3 or places.shape[0] != len(maps) or places.shape[-1] != 2:
            shape = None if places is None else tuple(places.shape)
            raise CaptureError(f'JointCrops needs the places of joints, ({len(maps)}, K, 2), got {shape}')
        (people, joints), (height, width) = places.shape[:2], maps.shape[-2:]
        places = places.to(maps.device, torch.float32)
        known = places.isfinite().all(-1)
        steps = torch.arange(self.size, device=maps.device) - (self.size - 1) / 2
        window = torch.stack(torch.meshgrid(steps, steps, indexing='ij'), -1)
        cells = places.nan_to_num(0, 0, 0)[:, :, None, None] + window
        # grid_sample counts x, then y, from -1 at the first cell's outer edge to 1 at the last one's.
        relative = (2 * cells.flip(-1) + 1) / torch.tensor([width, height], device=maps.device) - 1
        flat = relative.reshape(people, joints * self.size, self.size, 2)
        found = grid_sample(maps.float(), flat, mode='bilinear', padding_mode='zeros', align_corners=False)
        crops = found.reshape(people, -1, joints, self.size, self.size).transpose(1, 2)
        return crops.masked_fill(~known[:, :, None, None, None], float('nan'))

    def describe(self) -> dict[str, Any]:
        """Options."""
        return dict(type='JointCrops', size=self.size)
