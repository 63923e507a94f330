"""Heads whose maps peak at the joint."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from posescope.capture.geometry import codec_grid
from posescope.capture.grid import Grid, aligned_by_halves
from posescope.explain.outputs import Outputs
from posescope.explain.readouts.readout import Readout

__all__ = ['HeatmapReadout', 'flat_to_cells']


class HeatmapReadout(Readout):
    """One map a joint: ``HeatmapHead``, ``CPMHead``, ``MSPNHead``, ``ViPNASHead``.

    The codec is MSRA's, UDP's or Megvii's. UDP's combined maps (J. Huang et al., CVPR 2020) are split into the map of
    the joint and the offsets.
    """

    kind = 'heatmap'

    def __init__(self, head: nn.Module) -> None:
        super().__init__(head)
        self._combined = getattr(self.decoder, 'heatmap_type', '') == 'combined'
        self._unbiased = type(self.decoder).__name__ == 'UDPHeatmap'

    @property
    def joint_count(self) -> int | None:
        """Number of joints K, each of which has three combined maps."""
        count = super().joint_count
        return count // 3 if count and self._combined else count

    def read(self, raw: Any) -> Outputs:
        """Take the maps, those of the last stack where there are several."""
        maps = raw[-1] if isinstance(raw, list | tuple) else raw
        if not self._combined:
            return Outputs(heatmap=maps)
        joints = maps.unflatten(1, (-1, 3))
        return Outputs(heatmap=joints[:, :, 0], offset=joints[:, :, 1:].flatten(1, 2))

    def encoded(self, outputs: Outputs) -> Any:
        """Give the maps, the offsets beside each joint's map if they are combined."""
        assert outputs.heatmap is not None
        if outputs.offset is None:
            return outputs.heatmap
        offsets = outputs.offset.unflatten(1, (-1, 2))
        return torch.cat([outputs.heatmap[:, :, None], offsets], 2).flatten(1, 2)

    def in_pixels(self, places: np.ndarray) -> np.ndarray:
        """UDP's codec spreads the pixels' centres over the whole width; put them back to 0 … width - 1."""
        return places * np.subtract(self.input_size, 1) / self.input_size if self._unbiased else places

    def peak_cells(self, outputs: Outputs) -> Tensor:
        """The arg-max of each joint's map: (B, K, 2) int64, column and row."""
        assert outputs.heatmap is not None
        return flat_to_cells(outputs.heatmap.detach().flatten(2).argmax(2), outputs.heatmap)

    def grid(self, outputs: Outputs) -> tuple[Grid, tuple[int, int]]:
        """The grid that the codec takes the maps to lie on."""
        assert outputs.heatmap is not None
        size = int(outputs.heatmap.shape[-2]), int(outputs.heatmap.shape[-1])
        found = codec_grid(nn.ModuleDict({'head': self.head}), size)
        return found or aligned_by_halves(size, self.input_size[::-1]), size


def flat_to_cells(flat: Tensor, maps: Tensor) -> Tensor:
    """Turn indices into flattened maps (B, K) into (B, K, 2), column and row."""
    width = maps.shape[-1]
    return torch.stack([flat % width, flat // width], -1)
