"""How joints are read from each kind of head."""

from posescope.explain.readouts.centre_guided import CentreGuidedReadout
from posescope.explain.readouts.find import find_readout
from posescope.explain.readouts.heatmap import HeatmapReadout
from posescope.explain.readouts.readout import Readout
from posescope.explain.readouts.regression import RegressionReadout
from posescope.explain.readouts.simcc import SimCCReadout

__all__ = [
    'CentreGuidedReadout',
    'HeatmapReadout',
    'Readout',
    'RegressionReadout',
    'SimCCReadout',
    'find_readout',
]
