"""Which readout a model needs."""

from typing import Any

from mmpose.codecs import IntegralRegressionLabel, RegressionLabel
from mmpose.models.heads import VisPredictHead
from mmpose.models.pose_estimators import TopdownPoseEstimator
from torch import nn

from posescope.capture.layers import unwrapped
from posescope.errors import InputError
from posescope.explain.readouts.categorical import CategoricalReadout
from posescope.explain.readouts.centre_guided import CentreGuidedReadout
from posescope.explain.readouts.heatmap import HeatmapReadout
from posescope.explain.readouts.readout import Readout
from posescope.explain.readouts.regression import RegressionReadout
from posescope.explain.readouts.simcc import SimCCReadout
from posescope.models.heads import CategoricalHeatmapHead, MoveNetHead
from posescope.models.heads.map_labels import innermost

__all__ = ['find_readout']


def find_readout(model: nn.Module) -> Readout:
    """Find out how a model's head is read.

    Args:
        model: A top-down pose estimator of MMPose.

    Raises:
        InputError: It is none, or its head and codec are of no kind that can be explained.
    """
    model = unwrapped(model)
    head: Any = getattr(model, 'head', None)
    name = f'{type(model).__name__} with {type(head).__name__}'
    if not isinstance(model, TopdownPoseEstimator):
        raise InputError(
            f'{name} cannot be explained: explain needs a top-down model (TopdownPoseEstimator), which sees one person '
            'at a time; capture and diagnosis work with this one'
        )
    if isinstance(head, VisPredictHead):  # a head of joints with one of visibility beside it
        head = head.pose_head
    decoder = getattr(head, 'decoder', None)
    if decoder is None:
        raise InputError(f'{name} has no codec: set head.decoder in the config')
    if isinstance(head, MoveNetHead):
        return CentreGuidedReadout(head)
    if isinstance(innermost(head), CategoricalHeatmapHead):
        return CategoricalReadout(head)
    if hasattr(decoder, 'simcc_split_ratio'):
        return SimCCReadout(head)
    if isinstance(decoder, RegressionLabel | IntegralRegressionLabel):
        return RegressionReadout(head)
    if len(getattr(decoder, 'heatmap_size', ())) == 2:  # Hand3DHeatmap has depth as well
        return HeatmapReadout(head)
    raise InputError(
        f'{name} and codec {type(decoder).__name__} cannot be explained: explain reads heatmaps (MSRAHeatmap, '
        'UDPHeatmap, MegviiHeatmap, CategoricalHeatmap), SimCCLabel, RegressionLabel, IntegralRegressionLabel and '
        'MoveNetCodec'
    )
