"""What a kind of head gives, and how its codec reads joints from it."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from posescope.capture.grid import Grid
from posescope.explain.outputs import Outputs
from posescope.explain.pose import Pose

__all__ = ['Readout']


class Readout(ABC):
    """Between the tensors of a head and joints.

    Args:
        head: A head of MMPose, with its codec.

    Attributes:
        kind: Which targets make sense: ``'heatmap'``, ``'simcc'``, ``'regression'`` or ``'centre_guided'``.
        input_size: Width and height of the model's input, pixels.
    """

    kind: str

    def __init__(self, head: nn.Module) -> None:
        self.head: Any = head
        self.decoder: Any = self.head.decoder
        sized: Any = getattr(
            self.decoder, 'keypoint_codec', self.decoder
        )  # IntegralRegressionLabel is made of two codecs
        width, height = sized.input_size
        self.input_size = int(width), int(height)

    @property
    def joint_count(self) -> int | None:
        """Number of joints K that the head gives, None if it does not tell."""
        count = getattr(self.head, 'num_joints', getattr(self.head, 'out_channels', None))
        return None if count is None else int(count)

    @abstractmethod
    def read(self, raw: Any) -> Outputs:
        """Name the tensors that the head's forward gave."""

    @abstractmethod
    def encoded(self, outputs: Outputs) -> Any:
        """Put tensors into the form that the head's ``decode`` takes."""

    @abstractmethod
    def grid(self, outputs: Outputs) -> tuple[Grid, tuple[int, int]] | None:
        """Find where the cells of maps (or the bins of vectors) lie in the input.

        Returns:
            The grid, pixel = scale · cell + offset, and the number of rows and columns; None where there are no cells.
        """

    def decode(self, outputs: Outputs) -> Pose:
        """Find joints as the model does, without flip test.

        Args:
            outputs: Of B crops; no gradient passes.

        Returns:
            Places in pixels of the input, and scores.
        """
        device = next(tensor.device for _, tensor in outputs.tensors())
        found = self.head.decode(self.encoded(outputs.each(lambda tensor: tensor.detach().float())))
        places = np.stack([np.asarray(each.keypoints)[0, :, :2] for each in found])
        scores = np.stack([np.asarray(each.keypoint_scores)[0] for each in found])
        return Pose(
            torch.as_tensor(self.in_pixels(places), dtype=torch.float32, device=device),
            torch.as_tensor(scores, dtype=torch.float32, device=device),
        )

    def in_pixels(self, places: np.ndarray) -> np.ndarray:
        """Turn places as the codec counts them, (..., 2) x and y, into pixels of the input."""
        return places

    def peak_cells(self, outputs: Outputs) -> Tensor:
        """Find the cell that the joint was read from.

        Args:
            outputs: Of B crops, of a kind that has cells.

        Returns:
            (B, K, 2) int64, column and row.
        """
        raise NotImplementedError(f'{self.kind} heads have no cells')

    def cells_at(self, places: Tensor, outputs: Outputs) -> tuple[Tensor, Tensor]:
        """Find the cells that places fall into.

        Args:
            places: (B, K, 2) x and y in pixels of the input; NaN is allowed.
            outputs: For the size of the maps.

        Returns:
            (B, K, 2) int64, column and row, moved to the nearest cell where it lies outside; and (B, K) bool, whether
            the place is inside.
        """
        found = self.grid(outputs)
        if found is None:
            raise NotImplementedError(f'{self.kind} heads have no cells')
        grid, (rows, columns) = found
        scale, offset = (places.new_tensor(pair[::-1]) for pair in (grid.scale, grid.offset))
        cells = ((places - offset) / scale).round()
        last = places.new_tensor([columns - 1, rows - 1])
        inside = ((cells >= 0) & (cells <= last)).all(-1)
        return torch.minimum(cells.nan_to_num().clamp(min=0), last).long(), inside
