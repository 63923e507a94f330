"""Ways to make what a layer gave smaller before it is stored, by name."""

from posescope.capture.reductions.joint_crops import JointCrops
from posescope.capture.reductions.pca import PCA
from posescope.capture.reductions.pooled import Pooled
from posescope.capture.reductions.reduced_writer import ReducedWriter
from posescope.capture.reductions.reduction import AllReduce, Reduction
from posescope.capture.reductions.registry import REDUCTIONS, build_reduction
from posescope.capture.reductions.top_channels import TopChannels
from posescope.capture.reductions.whole import Whole

__all__ = [
    'PCA',
    'REDUCTIONS',
    'AllReduce',
    'JointCrops',
    'Pooled',
    'ReducedWriter',
    'Reduction',
    'TopChannels',
    'Whole',
    'build_reduction',
]
