"""Keypoint codecs that MMPose does not have."""

from posescope.models.codecs.categorical_heatmap import CategoricalHeatmap
from posescope.models.codecs.expected_ks_codec import ExpectedKSCodec
from posescope.models.codecs.movenet_codec import MoveNetCodec
from posescope.models.codecs.quick_udp_heatmap import QuickUDPHeatmap

__all__ = ['CategoricalHeatmap', 'ExpectedKSCodec', 'MoveNetCodec', 'QuickUDPHeatmap']
