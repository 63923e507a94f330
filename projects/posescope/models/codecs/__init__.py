"""Keypoint codecs that MMPose does not have."""

from posescope.models.codecs.categorical_heatmap import CategoricalHeatmap
from posescope.models.codecs.expected_ks_codec import ExpectedKSCodec
from posescope.models.codecs.movenet_codec import MoveNetCodec

__all__ = ['CategoricalHeatmap', 'ExpectedKSCodec', 'MoveNetCodec']
