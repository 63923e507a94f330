"""The gradient averaged over noise."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from posescope.errors import InputError
from posescope.explain.attribution.gradients import Points, summed_gradients
from posescope.explain.attribution.method import Method, chunks
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget

__all__ = ['SmoothGrad']


class SmoothGrad(Method):
    """Mean gradient over copies of the input with Gaussian noise (D. Smilkov et al., arXiv 1706.03825).

    Every person gets the same noise, so that a map does not depend on who else is in the batch.

    Args:
        batch_size: Crops at once.
        samples: Number of copies.
        noise: Standard deviation, as a share of the range of the person's input.
        seed: Of the noise.

    Raises:
        InputError: There is no copy, or no noise.
    """

    name: ClassVar[str] = 'smoothgrad'
    cheapest: ClassVar[Mapping[str, Any]] = {'samples': 1}

    def __init__(self, batch_size: int = 16, samples: int = 24, noise: float = 0.1, seed: int = 0) -> None:
        super().__init__(batch_size)
        if samples < 1 or not noise > 0:
            raise InputError(f'samples={samples}, noise={noise} of method {self.name}: both have to be positive')
        self.samples, self.noise, self.seed = samples, noise, seed

    def maps(self, function: PoseFunction, inputs: Tensor, bound: BoundTarget, joints: list[int]) -> Tensor:
        """Average over the copies."""
        parts = []
        for person, picture in enumerate(inputs):
            alone = bound.of_people(torch.tensor([person]))
            sums = summed_gradients(function, self._points(picture), alone, joints, picture[None], self.batch_size)
            parts.append(sums.sum(2))
        return torch.cat(parts)

    def draw(self, shape: tuple[int, ...]) -> Tensor:
        """Draw the noise of all copies, (samples, 3, H, W), with a standard deviation of 1."""
        return torch.randn(self.samples, *shape, generator=torch.Generator().manual_seed(self.seed))

    def _points(self, picture: Tensor) -> Iterator[Points]:
        noise = self.draw(tuple(picture.shape)) * (self.noise * (picture.max() - picture.min())).cpu()
        for some in chunks(self.samples, self.batch_size):
            noisy = picture + noise[some].to(picture)
            rows = torch.zeros(len(noisy), dtype=torch.long, device=picture.device)
            yield Points(noisy, rows, noisy.new_full((len(noisy),), 1 / self.samples))
