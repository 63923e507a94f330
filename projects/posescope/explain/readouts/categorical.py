"""Heads whose maps are distributions."""

from torch import Tensor

from posescope.explain.outputs import Outputs
from posescope.explain.readouts.heatmap import HeatmapReadout

__all__ = ['CategoricalReadout']


class CategoricalReadout(HeatmapReadout):
    """Logits of a ``CategoricalHeatmapHead``: their softmax is decoded where it is expected to score best."""

    def encoded(self, outputs: Outputs) -> Tensor:
        """Give the probabilities."""
        logits = outputs.heatmap
        assert logits is not None
        return logits.flatten(2).softmax(-1).view_as(logits)

    def peak_cells(self, outputs: Outputs) -> Tensor:
        """The cell that the decoded place lies in, which need not be the most probable one."""
        cells, _ = self.cells_at(self.decode(outputs).places, outputs)
        return cells
