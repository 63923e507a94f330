"""Decoded joints of a batch of crops."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
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

    @classmethod
    def joined(cls, parts: Sequence['Pose']) -> 'Pose':
        """Put batches together."""
        return cls(torch.cat([part.places for part in parts]), torch.cat([part.scores for part in parts]))

    def __len__(self) -> int:
        """Number of crops B."""
        return len(self.places)

    def __getitem__(self, rows: Any) -> 'Pose':
        """Take some of the crops: a slice, a list or a tensor of indices."""
        return Pose(self.places[rows], self.scores[rows])
