"""What covering a window costs."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from posescope.errors import InputError
from posescope.explain.attribution.baselines import baseline_of, check_baseline
from posescope.explain.attribution.method import Method, channels_last, chunks
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget

__all__ = ['Occlusion', 'windows']


class Occlusion(Method):
    """By how much the target falls when a window is covered (M. Zeiler and R. Fergus, ECCV 2014).

    A pixel's value is the mean over the windows that cover it. One covered crop serves all joints.

    Args:
        batch_size: Crops at once.
        window: Width and height of the window, pixels; None for an eighth of the input's longer side.
        stride: Pixels from one window to the next; None for half a window.
        baseline: What covers, see :func:`~posescope.explain.attribution.baselines.baseline_of`.

    Raises:
        InputError: Window or stride are not positive, windows leave gaps, or there is no such baseline.
    """

    name: ClassVar[str] = 'occlusion'
    cheapest: ClassVar[Mapping[str, Any]] = {'window': 1 << 20, 'stride': 1 << 20}

    def __init__(
        self, batch_size: int = 16, window: int | None = None, stride: int | None = None, baseline: str = 'mean'
    ) -> None:
        super().__init__(batch_size)
        if (window is not None and window < 1) or (stride is not None and stride < 1):
            raise InputError(f'window={window}, stride={stride} of method {self.name}: both have to be at least 1')
        if window is not None:
            self._check_gaps(window, stride)
        self.window, self.stride, self.baseline = window, stride, check_baseline(baseline)

    @torch.no_grad()
    def maps(self, function: PoseFunction, inputs: Tensor, bound: BoundTarget, joints: list[int]) -> Tensor:
        """Cover each window once for each person."""
        height, width = int(inputs.shape[2]), int(inputs.shape[3])
        window = self.window or max(1, max(height, width) // 8)
        self._check_gaps(window, self.stride)
        places = list(windows((height, width), window, self.stride or max(1, window // 2)))
        covers = baseline_of(self.baseline, function, inputs)
        found = inputs.new_zeros(len(inputs), len(joints), height, width)
        count = inputs.new_zeros(height, width)
        for rows, columns in places:
            count[rows, columns] += 1
        for person, (picture, cover) in enumerate(zip(inputs, covers, strict=True)):
            alone = bound.of_people(torch.tensor([person]))
            before = alone.score(function(channels_last(picture[None])))[0, joints]
            for some in chunks(len(places), self.batch_size):
                covered = channels_last(picture.expand(len(places[some]), -1, -1, -1))
                for crop, (rows, columns) in zip(covered, places[some], strict=True):
                    crop[:, rows, columns] = cover[:, rows, columns]
                scores = alone.score(function(covered), torch.zeros(len(covered), dtype=torch.long))
                lost = before - scores[:, joints]
                for loss, (rows, columns) in zip(lost, places[some], strict=True):
                    found[person, :, rows, columns] += loss[:, None, None]
        return found / count

    def _check_gaps(self, window: int, stride: int | None) -> None:
        if stride is not None and stride > window:
            raise InputError(f'stride={stride} of method {self.name} leaves gaps between windows of {window} pixels')


def windows(size: tuple[int, int], window: int, stride: int) -> Iterator[tuple[slice, slice]]:
    """Lay windows over an input, from the upper left; the last ones end at the border.

    Args:
        size: Rows and columns of the input.
        window: Their width and height.
        stride: Pixels from one to the next.

    Yields:
        Rows and columns of a window.
    """
    starts = [range(0, max(length - window, 0) + stride, stride) for length in size]
    for top in starts[0]:
        for left in starts[1]:
            yield slice(top, min(top + window, size[0])), slice(left, min(left + window, size[1]))
