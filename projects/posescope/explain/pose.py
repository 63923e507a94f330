"""Decoded joints of a batch of crops."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

__all__ = ['Pose']


@dataclass(frozen=True)
class Pose:
    """Joints of B crops.

    Attributes:
        places: (B, K, 2) float32 x and y in pixels of the input; the first pixel's centre is at 0.
        scores: (B, K) float32, what the codec says of each joint.
    """

    places: Tensor
    scores: Tensor

    def __len__(self) -> int:
        """Number of crops B."""
        return len(self.places)

    def __getitem__(self, rows: Any) -> 'Pose':
        """Take some of the crops: a slice, a list or a tensor of indices."""
        return Pose(self.places[rows], self.scores[rows])
