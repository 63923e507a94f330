"""Heads that classify x and y apart."""

from typing import Any

import torch
from torch import Tensor

from posescope.capture.grid import Grid
from posescope.explain.outputs import Outputs
from posescope.explain.readouts.readout import Readout

__all__ = ['SimCCReadout']


class SimCCReadout(Readout):
    """Two vectors of scores a joint (SimCC, arXiv 2107.03332): ``SimCCHead``, ``RTMCCHead``, ``RTMWHead``."""

    kind = 'simcc'

    def read(self, raw: Any) -> Outputs:
        """Take the scores along x and y."""
        x, y = raw
        return Outputs(simcc_x=x, simcc_y=y)

    def encoded(self, outputs: Outputs) -> Any:
        """Give both vectors."""
        return outputs.simcc_x, outputs.simcc_y

    def peak_cells(self, outputs: Outputs) -> Tensor:
        """The best bins: (B, K, 2) int64, along x and y."""
        assert outputs.simcc_x is not None
        assert outputs.simcc_y is not None
        return torch.stack([outputs.simcc_x.detach().argmax(2), outputs.simcc_y.detach().argmax(2)], -1)

    def grid(self, outputs: Outputs) -> tuple[Grid, tuple[int, int]]:
        """Bins lie ``1 / simcc_split_ratio`` pixels apart, the first on the first pixel's centre."""
        assert outputs.simcc_x is not None
        assert outputs.simcc_y is not None
        step = 1 / float(self.decoder.simcc_split_ratio)
        return Grid((step, step)), (outputs.simcc_y.shape[2], outputs.simcc_x.shape[2])
