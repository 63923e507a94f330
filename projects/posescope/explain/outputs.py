"""What a head gives for a batch of crops, before it is decoded."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

__all__ = ['Outputs']


@dataclass(frozen=True)
class Outputs:
    """Tensors of a head for B crops with K joints; what a kind of head does not give is None.

    Attributes:
        heatmap: (B, K, h, w) as the head gives it: what an MSE loss trained, logits of a ``CategoricalHeatmapHead``,
            values in (0, 1) of a ``MoveNetHead``; the last stack's where there are several.
        simcc_x: (B, K, W') scores of SimCC's bins along x.
        simcc_y: (B, K, H') scores of SimCC's bins along y.
        regression: (B, K, 2) x and y in parts of the input's width and height, or (B, K, 4) with the spreads of both
            as an ``RLEHead`` gives them, before its sigmoid.
        center: (B, 1, h, w) MoveNet's person centres.
        regress: (B, 2K, h, w) MoveNet's displacements from the centre to each joint, y and x, cells.
        offset: (B, 2K, h, w) displacements from a cell to the joint: MoveNet's y and x, in cells; those of UDP's
            combined maps x and y, in parts of their radius.
    """

    heatmap: Tensor | None = None
    simcc_x: Tensor | None = None
    simcc_y: Tensor | None = None
    regression: Tensor | None = None
    center: Tensor | None = None
    regress: Tensor | None = None
    offset: Tensor | None = None

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Give the names and values of the tensors that are there."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                yield field.name, value

    @classmethod
    def joined(cls, parts: Sequence['Outputs']) -> 'Outputs':
        """Put outputs of one head for several batches together."""
        return cls(**{name: torch.cat([getattr(part, name) for part in parts]) for name, _ in parts[0].tensors()})

    def __len__(self) -> int:
        """Number of crops B."""
        return next((len(tensor) for _, tensor in self.tensors()), 0)

    def __getitem__(self, rows: Any) -> 'Outputs':
        """Take some of the crops: a slice, a list or a tensor of indices."""
        return self.each(lambda tensor: tensor[rows])

    def detach(self) -> 'Outputs':
        """The same values, apart from the graph that computed them."""
        return self.each(Tensor.detach)

    def each(self, change: Callable[[Tensor], Tensor]) -> 'Outputs':
        """Apply a function to every tensor."""
        return Outputs(**{name: change(tensor) for name, tensor in self.tensors()})
