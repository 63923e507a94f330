"""Heads that give coordinates."""

from typing import Any

import torch
from torch import Tensor

from posescope.explain.outputs import Outputs
from posescope.explain.readouts.readout import Readout

__all__ = ['RegressionReadout']


class RegressionReadout(Readout):
    """Coordinates: ``RegressionHead``, ``RLEHead``, ``IntegralRegressionHead``, ``DSNTHead``."""

    kind = 'regression'

    def read(self, raw: Any) -> Outputs:
        """Take the coordinates; the maps that integral heads add are left out."""
        return Outputs(regression=raw[0] if isinstance(raw, list | tuple) else raw)

    def encoded(self, outputs: Outputs) -> Tensor:
        """Give the coordinates as of one person, spreads after the sigmoid that ``RLEHead.predict`` applies."""
        values = outputs.regression
        assert values is not None
        if values.shape[-1] == 4:
            values = torch.cat([values[..., :2], values[..., 2:].sigmoid()], -1)
        return values[:, None]

    def grid(self, outputs: Outputs) -> None:
        """There are no cells."""

    def pixels(self, outputs: Outputs) -> Tensor:
        """Coordinates (B, K, 2) in pixels of the input; gradients pass."""
        values = outputs.regression
        assert values is not None
        return values[..., :2] * values.new_tensor(self.input_size)
