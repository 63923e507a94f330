"""What the model says where random parts are seen."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from posescope.errors import InputError
from posescope.explain.attribution.baselines import baseline_of, check_baseline
from posescope.explain.attribution.method import Method, channels_last, chunks
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget

__all__ = ['RISE', 'RandomMasks']


class RISE(Method):
    """Mean target where a pixel is seen, less its mean (V. Petsiuk et al., BMVC 2018).

    As in the paper masks are coarse grids of 0 and 1, enlarged bilinearly and shifted by part of a cell. Other than
    there a pixel's sum is divided by what its own masks sum to, and the mean over all masks is taken off: a pixel that
    does not matter gets about 0, one that speaks against the target less. All people and joints share the masks.

    Args:
        batch_size: Crops at once.
        masks: Their number.
        cells: Cells of the coarse grid along the shorter side.
        seen: Share of cells that are seen.
        baseline: What is seen elsewhere, see :func:`~posescope.explain.attribution.baselines.baseline_of`.
        seed: Of the masks.

    Raises:
        InputError: A number is out of range, or there is no such baseline.
    """

    name: ClassVar[str] = 'rise'
    cheapest: ClassVar[Mapping[str, Any]] = {'masks': 1}

    def __init__(
        self,
        batch_size: int = 16,
        masks: int = 500,
        cells: int = 7,
        seen: float = 0.5,
        baseline: str = 'mean',
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size)
        if masks < 1 or cells < 1 or not 0 < seen < 1:
            raise InputError(
                f'masks={masks}, cells={cells}, seen={seen} of method {self.name}: the first two have to be at least '
                '1, the share between 0 and 1'
            )
        self.masks, self.cells, self.seen, self.seed = masks, cells, seen, seed
        self.baseline = check_baseline(baseline)

    @torch.no_grad()
    def maps(self, function: PoseFunction, inputs: Tensor, bound: BoundTarget, joints: list[int]) -> Tensor:
        """Run every mask on every person."""
        size = (int(inputs.shape[2]), int(inputs.shape[3]))
        drawn = RandomMasks(size, self.masks, self.cells, self.seen, self.seed)
        covers = baseline_of(self.baseline, function, inputs)
        found = inputs.new_zeros(len(inputs), len(joints), *size)
        for person, (picture, cover) in enumerate(zip(inputs, covers, strict=True)):
            alone = bound.of_people(torch.tensor([person]))
            weighted, weights = torch.zeros_like(found[person]), torch.zeros_like(found[person, 0])
            total = weighted.new_zeros(len(joints))
            for some in chunks(self.masks, self.batch_size):
                masks = drawn[some].to(inputs)
                shown = channels_last(cover + masks[:, None] * (picture - cover))
                scores = alone.score(function(shown), torch.zeros(len(masks), dtype=torch.long))[:, joints]
                weighted += torch.einsum('mk,mhw->khw', scores, masks)
                weights += masks.sum(0)
                total += scores.sum(0)
            seen = weighted / weights.clamp(min=torch.finfo(weights.dtype).tiny)
            found[person] = torch.where(weights > 0, seen - (total / self.masks)[:, None, None], 0.0)
        return found


class RandomMasks:
    """Smooth random masks between 0 and 1.

    Args:
        size: Rows and columns of the input.
        count: Number of masks.
        cells: Cells along the shorter side.
        seen: Share of cells that are 1.
        seed: Of the random numbers.
    """

    def __init__(self, size: tuple[int, int], count: int, cells: int, seen: float, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.size = size
        self.cell = max(1, -(-min(size) // cells))
        rows, columns = (-(-length // self.cell) + 1 for length in size)
        self._coarse = (torch.rand(count, 1, rows, columns, generator=generator) < seen).float()
        self._shifts = torch.randint(0, self.cell, (count, 2), generator=generator)

    def __getitem__(self, some: slice) -> Tensor:
        """(M, H, W) float32, the masks of a slice."""
        coarse = self._coarse[some]
        fine = F.interpolate(coarse, scale_factor=self.cell, mode='bilinear', align_corners=False)[:, 0]
        height, width = self.size
        return torch.stack(
            [
                mask[top : top + height, left : left + width]
                for mask, (top, left) in zip(fine, self._shifts[some].tolist(), strict=True)
            ]
        )
