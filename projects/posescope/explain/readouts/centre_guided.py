"""MoveNet's head: maps weighed by where the person's centre expects each joint."""

from typing import Any

import torch
from torch import Tensor, nn

from posescope.capture.geometry import codec_grid
from posescope.capture.grid import Grid, aligned_by_halves
from posescope.explain.outputs import Outputs
from posescope.explain.readouts.heatmap import flat_to_cells
from posescope.explain.readouts.readout import Readout
from posescope.models.codecs.movenet_codec import cell_grid
from posescope.models.heads.movenet_head import MoveNetOutput

__all__ = ['CentreGuidedReadout']


class CentreGuidedReadout(Readout):
    """A ``MoveNetHead``. With ``decode_mode='argmax'`` its heatmaps alone count, and the kind is ``'heatmap'``."""

    kind = 'centre_guided'

    def __init__(self, head: nn.Module) -> None:
        super().__init__(head)
        if self.decoder.decode_mode == 'argmax':
            self.kind = 'heatmap'

    def read(self, raw: Any) -> Outputs:
        """Name the four maps."""
        heatmap, center, regress, offset = raw
        return Outputs(heatmap=heatmap, center=center, regress=regress, offset=offset)

    def encoded(self, outputs: Outputs) -> MoveNetOutput:
        """Give the four maps."""
        assert outputs.heatmap is not None
        assert outputs.center is not None
        assert outputs.regress is not None
        assert outputs.offset is not None
        return MoveNetOutput(outputs.heatmap, outputs.center, outputs.regress, outputs.offset)

    def peak_cells(self, outputs: Outputs) -> Tensor:
        """The best cell of the maps that decoding ranks by: (B, K, 2) int64, column and row."""
        heatmap, center, regress, _ = self.encoded(outputs.detach())
        ranked = self.decoder.guided_heatmap(heatmap, center, regress) if self.kind == 'centre_guided' else heatmap
        return flat_to_cells(ranked.flatten(2).argmax(2), ranked)

    def centre_cells(self, outputs: Outputs) -> Tensor:
        """The cell that decoding takes for the person's centre: (B, 2) int64, column and row."""
        _, center, _, _ = self.encoded(outputs.detach())
        rows, columns = cell_grid(center)
        height, width = center.shape[-2:]
        middle = torch.hypot(rows - height / 2, columns - width / 2) + self.decoder.distance_offset
        return flat_to_cells((center / middle).flatten(2).argmax(2), center)[:, 0]

    def grid(self, outputs: Outputs) -> tuple[Grid, tuple[int, int]]:
        """The grid that the codec takes the maps to lie on."""
        assert outputs.heatmap is not None
        size = int(outputs.heatmap.shape[-2]), int(outputs.heatmap.shape[-1])
        found = codec_grid(nn.ModuleDict({'head': self.head}), size)
        return found or aligned_by_halves(size, self.input_size[::-1]), size
